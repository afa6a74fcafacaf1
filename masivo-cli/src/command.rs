//! One file a command.

mod adjust;
mod apply;
mod audience;
mod backup;
mod codes;
mod completions;
mod demo;
mod emit;
mod explain;
mod import;
mod init;
mod keys;
mod lint;
mod openapi;
mod report;
mod settle;
mod show;
mod simulate;
mod test;
mod verify;

pub(crate) use report::written as written_day;
pub(crate) use verify::{text as verification_text, to_json as verification_json};

use crate::arguments::{Arguments, Command};
use crate::error::Failure;
use crate::output::Output;
use adjust::Typed;
use masivo_core::value::object;

/// Carries out what was typed.
pub(crate) fn run(arguments: Arguments, output: Output) -> Result<(), Failure> {
    let Arguments { shared, command } = arguments;
    match command {
        Command::Demo(demo) => demo::run(&shared, &demo, output),
        Command::Init { folder } => init::run(&shared, &folder, output),
        Command::Apply(apply) => apply::run(&shared, &apply, output),
        Command::Lint(what) => lint::run(&shared, &what, output),
        Command::Test(what) => test::run(&shared, &what, output),
        Command::Import(import) => import::run(&shared, &import, output),
        Command::Emit { event, file, idempotency_key } => {
            emit::run(&shared, event.as_deref(), file.as_deref(), idempotency_key.as_deref(), output)
        }
        Command::Fulfill { event } => settle::fulfill(&shared, &event, output),
        Command::Reverse { event, reason, plan, plan_token, value, line } => {
            let part = settle::part(value.as_deref(), &line)?;
            if plan {
                return settle::plan_reversal(&shared, &event, part, output);
            }
            let request = object().with("reason", reason.unwrap_or_default());
            let request = request.with_some("plan_token", plan_token).with_some("return", part).build();
            settle::reverse(&shared, &event, &request, output)
        }
        Command::Show { what } => show::run(&shared, &what, output),
        Command::Explain { event, unsent } => {
            explain::run(&shared, event.as_deref().unwrap_or_default(), unsent.as_deref(), output)
        }
        Command::Verify => verify::run(&shared, output),
        Command::Adjust { customer, amount, reward, reason, actor, expires, idempotency_key } => {
            let request = object()
                .with("amount", adjust::number(&amount)?)
                .with("reason", reason)
                .with_some("actor", actor)
                .with_some("expiration_date", expires);
            let typed = Typed { customer, request: request.build(), key: idempotency_key };
            adjust::change(&shared, "adjust", &reward, typed, output)
        }
        Command::Transfer { customer, to, amount, reward, reason, actor, idempotency_key } => {
            let request = object()
                .with("to_customer_id", to)
                .with("amount", adjust::number(&amount)?)
                .with("reason", reason)
                .with_some("actor", actor);
            let typed = Typed { customer, request: request.build(), key: idempotency_key };
            adjust::change(&shared, "transfer", &reward, typed, output)
        }
        Command::Void { customer, lot, amount, reason, actor, idempotency_key } => {
            let amount = amount.as_deref().map(adjust::number).transpose()?;
            let request = object().with("lot", lot).with_some("amount", amount).with("reason", reason);
            let request = request.with_some("actor", actor).build();
            adjust::void(&shared, &Typed { customer, request, key: idempotency_key }, output)
        }
        Command::Codes { what } => codes::run(&shared, &what, output),
        Command::Simulate(what) => simulate::run(&shared, &what, output),
        Command::Audience { what } => audience::run(&shared, &what, output),
        Command::Report { what } => report::run(&shared, &what, output),
        Command::Keys { what } => keys::run(&shared, &what, output),
        Command::Backup { to } => backup::run(&shared, &to, output),
        Command::Openapi => openapi::run(&shared, output),
        Command::Completions { shell } => completions::run(shell, output),
    }
}
