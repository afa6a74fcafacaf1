//! Members of audiences: who is in and why, and the lists of static ones.

use super::operation::days;
use crate::http::call::Call;
use crate::http::error::Failure;
use crate::http::respond::{Outcome, Reply};
use masivo_core::problem::Report;
use masivo_core::profile::{CustomerName, read_customer_name};
use masivo_core::program::{Kind, read_preview_rule};
use masivo_core::value::Json;
use masivo_core::{Command, Rejection};
use masivo_store::{Request as Submission, SubmitError, Work};

pub(crate) async fn members(call: Call) -> Outcome {
    let (id, after, limit) = (call.path("id"), call.text("after"), call.limit());
    let zone = call.app.handle.program().settings().time_zone;
    let at = call.text("at").as_deref().and_then(|text| zone.parse_date_or_time(text));
    let page = call.read(move |query| match at {
        Some(at) => query.members_at(&id, at, after.as_deref(), limit),
        None => query.members(&id, after.as_deref(), limit),
    });
    Ok(Reply::page(page.await?))
}

pub(crate) async fn history(call: Call) -> Outcome {
    let (id, limit) = (call.path("id"), call.limit());
    let after = call.integer("after").and_then(|after| u64::try_from(after).ok()).unwrap_or(0);
    Ok(Reply::page(call.read(move |query| query.audience_history(&id, after, limit)).await?))
}

pub(crate) async fn sizes(call: Call) -> Outcome {
    let (id, (from, to)) = (call.path("id"), days(&call)?);
    Ok(Reply::data(call.read(move |query| query.audience_sizes(&id, from, to)).await?))
}

pub(crate) async fn explain(call: Call) -> Outcome {
    let (id, customer) = (call.path("id"), call.path("customer_id"));
    Ok(Reply::data(call.read(move |query| query.explain_membership(&id, &customer)).await?))
}

pub(crate) async fn preview(call: Call) -> Outcome {
    let rule = read_preview_rule(&call.app.handle.program(), &call.body)?;
    let exact = call.body.flag("exact") == Some(true);
    Ok(Reply::data(call.read(move |query| query.preview_audience(&rule, exact)).await?))
}

pub(crate) async fn recalculate(call: Call) -> Outcome {
    let id = call.path("id");
    if call.app.handle.program().audience_by_id(&id).is_none() {
        return Err(Rejection::DefinitionNotFound { kind: "audience", id }.into());
    }
    call.submit(Work::Recalculate).await?;
    Ok(Reply::data(call.read(move |query| query.definition(Kind::Audience, &id)).await?))
}

pub(crate) async fn instances(call: Call) -> Outcome {
    let (id, after, limit) = (call.path("id"), call.text("after"), call.limit());
    Ok(Reply::page(call.read(move |query| query.instances(&id, after.as_deref(), limit)).await?))
}

pub(crate) async fn join(call: Call) -> Outcome {
    change(call, |customer, audience| Command::Join { customer, audience }).await
}

pub(crate) async fn leave(call: Call) -> Outcome {
    change(call, |customer, audience| Command::Leave { customer, audience }).await
}

/// Puts customers on a list or takes them off it; each is answered alone, in order.
async fn change(call: Call, command: fn(String, String) -> Command) -> Outcome {
    let audience = call.path("id");
    if call.app.handle.program().audience_by_id(&audience).is_none() {
        return Err(Rejection::DefinitionNotFound { kind: "audience", id: audience }.into());
    }
    let rows = call.body.get("customers").map_or(&[][..], Json::items);
    let names: Vec<_> = rows.iter().map(read_customer_name).collect();
    // All of them in one question to the store.
    let found = call.read(move |query| {
        let find = |name: Result<CustomerName, Report>| match name {
            Ok(name) => query.customer_named(&name),
            Err(report) => Err(Rejection::Malformed(report).into()),
        };
        Ok(names.into_iter().map(find).collect::<Vec<Result<String, SubmitError>>>())
    });
    let found = found.await?;
    let mut answers = vec![Json::Null; found.len()];
    let (mut places, mut submissions) = (Vec::new(), Vec::new());
    for (index, (customer, answer)) in found.into_iter().zip(&mut answers).enumerate() {
        let customer = match customer {
            Ok(customer) => customer,
            Err(error) => {
                *answer = Failure::from(error).into_row();
                continue;
            }
        };
        let work = Work::Customer(Box::new(command(customer, audience.clone())));
        let key = call.key.as_ref().map(|key| format!("{key}\u{1f}{index}"));
        submissions.push(Submission { work, key });
        places.push(index);
    }
    if !submissions.is_empty() {
        let results = call.app.handle.submit_all(submissions).await?;
        for (result, index) in results.into_iter().zip(places) {
            let row = match result {
                Ok(answer) => Reply::data(call.show(&answer)).into_row(),
                Err(error) => Failure::from(error).into_row(),
            };
            answers.iter_mut().skip(index).take(1).for_each(|answer| answer.clone_from(&row));
        }
    }
    Ok(Reply::data(answers))
}
