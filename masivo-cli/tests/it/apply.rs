//! Definitions as code.

use crate::run::{Folder, number, text};
use masivo_core::value::Json;

#[test]
fn the_difference_is_shown_and_written_once() {
    let folder = Folder::new();
    folder.run(0, &["init", "--db", "s.db", "--test"]);
    let dry = folder.json(0, &["apply", "program", "--db", "s.db", "--dry-run"]);
    assert_eq!((number(&dry, "created"), number(&dry, "written")), (3, 0));
    folder.run(2, &["apply", "program", "--db", "s.db"]).complains(&["--yes"]).says(&["+ brand      shop"]);
    folder
        .run(0, &["apply", "program", "--db", "s.db", "--yes"])
        .says(&["+ campaign   point-per-dollar", "written: 3"]);
    folder.run(0, &["apply", "program", "--db", "s.db", "--yes"]).says(&["= 5 unchanged", "nothing to do"]);
    let again = folder.json(0, &["apply", "program", "--db", "s.db", "--yes"]);
    assert_eq!((number(&again, "unchanged"), number(&again, "written")), (5, 0));

    let account = folder.read("program/1-account.toml").replace("name = \"Shop\"", "name = \"Corner shop\"");
    folder.write("program/1-account.toml", &account);
    let ran = folder.run(0, &["apply", "program", "--db", "s.db", "--yes"]);
    ran.says(&["~ brand      shop", "name: \"Shop\" → \"Corner shop\"", "written: 1"]);
}

#[test]
fn what_is_wrong_is_named_and_nothing_is_written() {
    let folder = Folder::shop();
    for (definition, expected) in [
        (
            "[[campaigns]]\nname = \"x\"\nwithoutEndDate = true\nattributes = { trigger = \"PURCHASE\" }\nrules = [{ effects = [{ reward = \"coins\", amount = 1 }] }]",
            "there is no reward `coins` (known are points, stars)",
        ),
        ("[[tiers]]\nname = \"Gold\"\nlevel = 2", "level 2 needs entry conditions"),
        ("[[tires]]\nname = \"Gold\"", "`tires` is not a kind of definition"),
        (
            "[[audiences]]\nname = \"a\"\nconditions = [[{ type = \"order.value\", operator = \"exists\" }]]",
            "an audience looks at the customer",
        ),
    ] {
        folder.write("program/9-wrong.toml", &format!("{definition}\n"));
        folder.write("program/8-right.toml", "[[rewards]]\nname = \"Stars\"\ntype = \"POINTS\"\n");
        folder.run(2, &["apply", "program", "--db", "s.db", "--yes"]).complains(&[expected, "9-wrong.toml"]);
    }
    std::fs::remove_file(folder.path("program/9-wrong.toml")).unwrap();
    let plan = folder.json(0, &["apply", "program", "--db", "s.db", "--dry-run"]);
    assert_eq!(number(&plan, "created"), 1, "{plan}");
    folder.run(3, &["apply", "nowhere", "--db", "s.db", "--dry-run"]).complains(&["nowhere"]);
    folder.write("empty/readme.txt", "");
    folder.run(2, &["apply", "empty", "--db", "s.db", "--dry-run"]).complains(&["no .toml or .json file"]);
}

#[test]
fn a_started_campaign_keeps_its_promise() {
    let folder = Folder::shop();
    let points = folder.read("program/2-points.toml");
    folder.write("program/2-points.toml", &points.replace("amount = 1,", "amount = 2,"));
    let ran = folder.run(1, &["apply", "program", "--db", "s.db", "--yes"]);
    ran.complains(&["2-points.toml: campaign `point-per-dollar`", "rules cannot change"]);
    // A word about it may change.
    folder.write(
        "program/2-points.toml",
        &points.replacen("withoutEndDate", "description = \"simple\"\nwithoutEndDate", 1),
    );
    folder
        .run(0, &["apply", "program", "--db", "s.db", "--yes"])
        .says(&["description: nothing → \"simple\""]);
}

#[test]
fn entries_name_each_other_by_key() {
    let folder = Folder::shop();
    let audience = r#"{"audiences": [{"key": "golden", "name": "Golden people",
        "conditions": [[{"type": "customer.tier", "operator": "equals", "value": "gold"}]]}],
        "tiers": [{"key": "gold", "name": "Gold", "level": 2,
        "entry_conditions": [[{"type": "customer.tags.vip", "operator": "equals", "value": true}]]}]}"#;
    folder.write("program/3-more.json", audience);
    folder.write(
        "program/4-journey.toml",
        "[[journeys]]\nname = \"Hello gold\"\ntrigger = { type = \"audience_entry\", audience = \"golden\" }\n\
         steps = [{ id = \"mail\", type = \"send_email\", template = \"hello\" }]\n\
         [[templates]]\nkey = \"hello\"\nname = \"Hello\"\nsubject = \"Hello\"\ntext = \"Hello\"\n",
    );
    folder.run(0, &["apply", "program", "--db", "s.db", "--yes"]).says(&["written: 4"]);
    let plan = folder.json(0, &["apply", "program", "--db", "s.db", "--dry-run"]);
    let ids: Vec<String> =
        plan.get("definitions").unwrap().items().iter().map(|one| text(one, "id")).collect();
    assert_eq!((number(&plan, "unchanged"), ids.len()), (9, 9));
    let audience = folder.json(0, &["show", "audience", "Golden people", "--db", "s.db"]);
    let value =
        audience.get("conditions").unwrap().items()[0].items()[0].text("value").map(ToOwned::to_owned);
    assert!(ids.contains(&value.unwrap()), "{audience}");
    assert_eq!(audience.get("members").map(Json::items), Some(&[][..]));
    folder.run(1, &["show", "audience", "nobody", "--db", "s.db"]).complains(&["known are Golden people"]);

    // A definition with an id is that one, whatever it is called now.
    let renamed = folder
        .read("program/4-journey.toml")
        .replace("name = \"Hello\"", &format!("id = \"{}\"\nname = \"Hi\"", ids[7]));
    folder.write("program/4-journey.toml", &renamed);
    folder
        .run(0, &["apply", "program", "--db", "s.db", "--yes"])
        .says(&["~ template   hello", "name: \"Hello\" → \"Hi\""]);
    // What no file speaks of is left alone.
    std::fs::remove_file(folder.path("program/4-journey.toml")).unwrap();
    folder
        .run(0, &["apply", "program", "--db", "s.db", "--yes"])
        .says(&["left alone: template Hi, journey Hello gold"]);
}

/// Audiences ask for each other by key, wherever they stand, and campaigns ask for audiences.
#[test]
fn audiences_ask_for_each_other_by_key() {
    let folder = Folder::shop();
    let asks = |name: &str| {
        format!("{{ type = \"customer.audiences\", operator = \"equals\", value = \"{name}\" }}")
    };
    let definitions = format!(
        "[[audiences]]\nkey = \"both\"\nname = \"In both\"\nconditions = [[{}, {}]]\n
         [[audiences]]\nkey = \"often\"\nname = \"Often\"\nconditions = [[{{ type = \"events.count\", event = \"PURCHASE\", operator = \"greater_than\", value = 2 }}]]\n
         [[audiences]]\nname = \"Rich\"\nconditions = [[{{ type = \"customer.metrics.lifetime.spend_total\", operator = \"greater_than\", value = 9 }}]]\n
         [[campaigns]]\nname = \"Thanks\"\nwithoutEndDate = true\nattributes = {{ trigger = \"PURCHASE\" }}\n
         rules = [{{ conditions = [[{}]], effects = [{{ reward = \"points\", amount = 5 }}] }}]\n",
        asks("often"),
        asks("Rich"),
        asks("both")
    );
    let definitions =
        format!("[[audiences]]\nname = \"Then\"\ntype = \"STATIC\"\nmembers_of = \"both\"\n\n{definitions}");
    folder.write("program/5-asking.toml", &definitions);
    folder.write("program/a.masivo", "register ana\nemit ana PURCHASE 10\naudience ana both -> out\nemit ana PURCHASE 10\nemit ana PURCHASE 10\naudience ana both -> in\n");
    folder.run(0, &["test", "program"]);
    let written = folder.json(0, &["apply", "program", "--db", "s.db", "--yes"]);
    assert_eq!(number(&written, "created"), 5, "{written}");
    let again = folder.json(0, &["apply", "program", "--db", "s.db", "--yes"]);
    assert_eq!((number(&again, "created"), number(&again, "changed")), (0, 0), "{again}");
}
