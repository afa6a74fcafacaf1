//! Running the program in a folder of its own.

use masivo_core::value::Json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder that is gone afterwards.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("masivo-cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The program, to be run in the folder without anything of the environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_masivo"));
        command.current_dir(&self.0).args(arguments).stdin(Stdio::null());
        for name in ["MASIVO_DB", "MASIVO_URL", "MASIVO_KEY"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs the program and checks what it ends with.
    #[track_caller]
    pub(crate) fn run(&self, code: i32, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap(), code, arguments)
    }

    /// Runs the program with something on stdin.
    #[track_caller]
    pub(crate) fn run_with(&self, code: i32, arguments: &[&str], stdin: &str) -> Ran {
        let mut command = self.command(arguments);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        Ran::of(child.wait_with_output().unwrap(), code, arguments)
    }

    /// Runs the program with --json and gives the document it prints.
    #[track_caller]
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Json {
        let ran = self.run(code, &[arguments, &["--json"]].concat());
        Json::parse(ran.out.as_bytes()).unwrap_or_else(|report| panic!("{report}: {}", ran.out))
    }

    /// A test store with the starter definitions, as `s.db`.
    pub(crate) fn shop() -> Self {
        let folder = Self::new();
        folder.run(0, &["init", "program", "--db", "s.db", "--test"]);
        folder.run(0, &["apply", "program", "--db", "s.db", "--yes"]);
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What a run printed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    #[track_caller]
    fn of(output: Output, code: i32, arguments: &[&str]) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran = Self { out: text(output.stdout), err: text(output.stderr) };
        assert_eq!(
            output.status.code(),
            Some(code),
            "masivo {}\n{}{}",
            arguments.join(" "),
            ran.out,
            ran.err
        );
        ran
    }

    /// Checks that stdout has these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.out.contains(word), "`{word}` is missing in\n{}", self.out);
        }
        self
    }

    /// Checks that stderr has these words.
    #[track_caller]
    pub(crate) fn complains(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.err.contains(word), "`{word}` is missing in\n{}", self.err);
        }
        self
    }
}

/// The number at a dotted path.
#[track_caller]
pub(crate) fn number(json: &Json, path: &str) -> i64 {
    json.path(path)
        .and_then(Json::as_number)
        .and_then(|number| number.to_integer())
        .unwrap_or_else(|| panic!("{path} in {json}"))
}

/// The text at a dotted path.
#[track_caller]
pub(crate) fn text(json: &Json, path: &str) -> String {
    json.path(path).and_then(Json::as_text).unwrap_or_else(|| panic!("{path} in {json}")).to_owned()
}

/// A path as an argument.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}
