//! Engines of Node.js: a process that reads the dumped load and is asked over its standard input.

use crate::load::{Load, RULES};
use crate::peer::{Peer, Verdicts};
use masivo_core::value::{Json, object};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Writes rules, documents and verdicts (a text of `0` and `1` for every event) as one JSON file.
pub fn dump(load: &Load, verdicts: &Verdicts, file: &str) -> Result<(), String> {
    let marks = |verdicts: &[bool]| {
        Json::from(verdicts.iter().map(|holds| if *holds { '1' } else { '0' }).collect::<String>())
    };
    let json = object()
        .with("rules", Json::List(load.rules.clone()))
        .with("worlds", Json::List((0..load.cases.len()).map(|case| load.world(case)).collect()))
        .with("verdicts", Json::List(verdicts.chunks(RULES).map(marks).collect()))
        .build();
    std::fs::write(file, json.to_text()).map_err(|error| format!("{file}: {error}"))
}

pub struct Node {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Node {
    pub fn start(script: &str, load: &str) -> Result<Self, String> {
        let mut command = Command::new("node");
        command.args([script, load]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| format!("node: {error}"))?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err("node has no standard input and output".into());
        };
        Ok(Self { process, questions, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, question: &str) -> Result<String, String> {
        let failed = |error| format!("json-rules-engine: {error}");
        writeln!(self.questions, "{question}").map_err(failed)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(failed)?;
        if answer.is_empty() { Err("json-rules-engine gave up".into()) } else { Ok(answer.trim().to_owned()) }
    }
}

impl Peer for Node {
    fn name(&self) -> &'static str {
        "json-rules-engine"
    }

    fn verdicts(&mut self) -> Result<Verdicts, String> {
        Ok(self.ask("verdicts")?.chars().map(|mark| mark == '1').collect())
    }

    fn round(&mut self) -> Result<f64, String> {
        let answer = self.ask("round")?;
        answer.parse().map_err(|error| format!("json-rules-engine answers {answer}: {error}"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A process that is gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
