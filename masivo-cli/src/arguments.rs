//! What can be typed.

use crate::error::EXIT_CODES;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Loyalty, customer data and journeys in one engine, at the terminal.
///
/// Commands work on a store file (--db) or on a server (--url and --key).
#[derive(Debug, Parser)]
#[command(name = "masivo", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command knows.
#[derive(Clone, Debug, Args)]
pub(crate) struct Shared {
    /// The store file to work on.
    #[arg(long, global = true, env = "MASIVO_DB", value_name = "PATH")]
    pub(crate) db: Option<PathBuf>,
    /// The server to work on, for example http://127.0.0.1:8080; it goes before --db.
    #[arg(long, global = true, env = "MASIVO_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A SERVER key of that server.
    #[arg(long, global = true, env = "MASIVO_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Print one JSON document instead of words and tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Make a new store a test store, whose clock stands still; an existing file says itself what it is.
    #[arg(long, global = true)]
    pub(crate) test: bool,
    /// Move the clock of a test store forward to this instant first, for example 2026-11-22T10:00:00Z; a new one begins then.
    #[arg(long, global = true, value_name = "INSTANT")]
    pub(crate) now: Option<String>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Replay 18 months of a real shop: 6,919 purchases of 2,357 customers, in a few seconds.
    Demo(DemoArguments),
    /// Make a store, its first key and a folder of commented definitions to start from.
    Init {
        /// The folder for the definitions.
        #[arg(default_value = "program")]
        folder: PathBuf,
    },
    /// Bring the definitions of a folder into the store; shows the difference first.
    Apply(ApplyArguments),
    /// Read customers or events from a file, through the same door as everything else.
    Import(ImportArguments),
    /// Send an event.
    Emit {
        /// The event as JSON; without it --file or stdin is read.
        event: Option<String>,
        /// A file with the event as JSON; - is stdin.
        #[arg(long, value_name = "FILE", conflicts_with = "event")]
        file: Option<PathBuf>,
        /// An idempotency key: sending it again with the same key changes nothing. The event's own `id` is one too.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Fulfil an event that waits or has expired.
    Fulfill {
        /// The event's id.
        event: String,
    },
    /// Reverse or cancel an event.
    Reverse {
        /// The event's id.
        event: String,
        /// Why.
        #[arg(long, required_unless_present = "plan")]
        reason: Option<String>,
        /// Only show what it would undo, keep or turn into debt, and the token that reverses exactly so.
        #[arg(long, conflicts_with_all = ["reason", "plan_token"])]
        plan: bool,
        /// The token of a plan: the reversal comes to exactly that, or is refused.
        #[arg(long, value_name = "TOKEN")]
        plan_token: Option<String>,
        /// Only so much of the order's value comes back.
        #[arg(long, value_name = "VALUE")]
        value: Option<String>,
        /// Only that line of the order comes back, counted from 0, or so many units of it: 2 or 2:1. May be repeated.
        #[arg(long, value_name = "LINE[:UNITS]")]
        line: Vec<String>,
    },
    /// Show a customer, an event or an audience.
    Show {
        #[command(subcommand)]
        what: Show,
    },
    /// Say why campaigns rewarded an event or did not.
    Explain {
        /// The event's id.
        #[arg(required_unless_present = "unsent", conflicts_with = "unsent")]
        event: Option<String>,
        /// An event as JSON that is not sent: what it would come to.
        #[arg(long, value_name = "EVENT")]
        unsent: Option<String>,
    },
    /// Check a store file: everything that is kept twice must agree. Needs --db.
    Verify,
    /// Make, list and revoke keys of the API.
    Keys {
        #[command(subcommand)]
        what: Keys,
    },
    /// Give a customer points by hand, or take some.
    Adjust {
        /// The merchant's id of the customer.
        customer: String,
        /// How much is given; less than 0 is taken.
        #[arg(allow_hyphen_values = true)]
        amount: String,
        /// The reward's id or name.
        #[arg(long)]
        reward: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who does it.
        #[arg(long)]
        actor: Option<String>,
        /// When what is given expires.
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
        /// An idempotency key: sending it again with the same key changes nothing.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Hand points of a customer to another one.
    Transfer {
        /// The merchant's id of the customer who hands them over.
        customer: String,
        /// The merchant's id of the customer who gets them.
        to: String,
        /// How much.
        amount: String,
        /// The reward's id or name.
        #[arg(long)]
        reward: String,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who does it.
        #[arg(long)]
        actor: Option<String>,
        /// An idempotency key: sending it again with the same key changes nothing.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Take what can be spent of one lot of a customer by hand.
    Void {
        /// The merchant's id of the customer.
        customer: String,
        /// The lot's number, as the wallet shows it.
        lot: u32,
        /// How much of it; all when left out.
        #[arg(long)]
        amount: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Who does it.
        #[arg(long)]
        actor: Option<String>,
        /// An idempotency key: sending it again with the same key changes nothing.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Export the codes of a coupon campaign or gift card, or add some.
    Codes {
        #[command(subcommand)]
        what: Codes,
    },
    /// Look definitions over: rules that never hold, missing caps, gaps, and what it can cost at most.
    Lint(LintArguments),
    /// Carry out the scenarios beside the definitions of a folder, under a clock of their own; needs no store.
    Test(TestArguments),
    /// Try a programme on a copy of the store: what happened lately comes again, under it and under the present one. Needs --db.
    Simulate(SimulateArguments),
    /// Show who is in an audience and why, and whom a rule would gather.
    Audience {
        #[command(subcommand)]
        what: Audience,
    },
    /// Report what became of what campaigns gave, and who pays for it.
    Report {
        #[command(subcommand)]
        what: Report,
    },
    /// Copy a store file, also while it is in use. Needs --db.
    Backup {
        /// The new file.
        to: PathBuf,
    },
    /// Print the description of the HTTP API.
    Openapi,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What can be shown.
#[derive(Debug, Subcommand)]
pub(crate) enum Show {
    /// A customer with wallet, tier, metrics and audiences.
    Customer {
        /// The merchant's id.
        id: String,
    },
    /// An event with everything that became of it.
    Event {
        /// The event's id.
        id: String,
    },
    /// An audience with its first members.
    Audience {
        /// The audience's id or name.
        id: String,
        /// Members shown at most.
        #[arg(long, default_value_t = 20)]
        members: usize,
    },
}

/// What can be done with codes.
#[derive(Debug, Subcommand)]
pub(crate) enum Codes {
    /// Write all codes to a CSV file, each with its uses.
    Export {
        /// The campaign's or reward's id or name.
        #[arg(value_name = "CAMPAIGN OR REWARD")]
        of: String,
        /// The new file.
        to: PathBuf,
    },
    /// Add codes of your own.
    Add {
        /// The campaign's or reward's id or name.
        #[arg(value_name = "CAMPAIGN OR REWARD")]
        of: String,
        /// A file with one code a line.
        file: PathBuf,
    },
}

/// What can be asked of audiences.
#[derive(Debug, Subcommand)]
pub(crate) enum Audience {
    /// Members of an audience.
    Members {
        /// The audience, by id or name.
        audience: String,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// Who was in at that instant of the past: a date, or an RFC 3339 instant.
        #[arg(long)]
        at: Option<String>,
    },
    /// Who entered and left an audience, oldest first, and because of what.
    History {
        /// The audience, by id or name.
        audience: String,
        /// Go on after that number.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// How many at most.
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// How many members an audience had at the end of each day.
    Sizes {
        /// The audience, by id or name.
        audience: String,
        #[command(flatten)]
        span: Span,
    },
    /// Look at everybody again, from the facts on, and wait until it is done: it comes to what is known, or mends it.
    Recalculate {
        /// The audience, by id or name; all audiences are looked at in one pass.
        audience: String,
    },
    /// Why a customer is in an audience, or is not.
    Explain {
        /// The audience, by id or name.
        audience: String,
        /// The customer's id.
        customer: String,
    },
    /// How many a rule gathers that is not an audience yet; nothing is written.
    Preview {
        /// The conditions as JSON; without them --file is read.
        conditions: Option<String>,
        /// A file with the conditions as JSON, or with an audience that has some.
        #[arg(long, value_name = "FILE", conflicts_with = "conditions")]
        file: Option<PathBuf>,
        /// Look at every customer, however many there are.
        #[arg(long)]
        exact: bool,
    },
}

/// What can be reported.
#[derive(Debug, Subcommand)]
pub(crate) enum Report {
    /// What each campaign gave: redeemed, expired, reversed, and what is left.
    Campaigns {
        #[command(flatten)]
        span: Span,
        /// A line for each day.
        #[arg(long)]
        by_day: bool,
        /// Only of that campaign, by id or name.
        #[arg(long)]
        campaign: Option<String>,
    },
    /// What the campaigns of each funder cost.
    Funders {
        #[command(flatten)]
        span: Span,
    },
}

/// A span of days.
#[derive(Debug, Args)]
pub(crate) struct Span {
    /// The first UTC day, as YYYY-MM-DD; 30 days before the last when left out.
    #[arg(long, value_name = "DAY")]
    pub(crate) from: Option<String>,
    /// The last UTC day; today when left out.
    #[arg(long, value_name = "DAY")]
    pub(crate) to: Option<String>,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key; its secret is shown once.
    Create {
        /// A word to know it by.
        name: String,
        /// SERVER does everything; CLIENT only sends events that are tracked.
        #[arg(long, value_enum, default_value = "server", ignore_case = true)]
        kind: KeyKind,
    },
    /// List all keys.
    List,
    /// Revoke a key at once.
    Revoke {
        /// The key's id.
        id: String,
    },
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyKind {
    /// Everything.
    Server,
    /// Send events that are tracked.
    Client,
}

/// What `demo` knows.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Keep it up afterwards, as a server.
    #[arg(long)]
    pub(crate) serve: bool,
    /// Where the server listens.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Other purchases: CSV with customer_id, date and value, in order of the date.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,
    /// Another program: a folder of definitions.
    #[arg(long, value_name = "DIR")]
    pub(crate) program: Option<PathBuf>,
}

/// What `apply` knows.
#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// The folder of definitions.
    pub(crate) folder: PathBuf,
    /// Write without asking.
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    /// Only show the difference.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// What `lint` knows.
#[derive(Debug, Args)]
pub(crate) struct LintArguments {
    /// A folder of definitions, as they would be applied to the store, or to a fresh one; the store's own when left out.
    pub(crate) folder: Option<PathBuf>,
    /// End with an error when there is something to remark.
    #[arg(long)]
    pub(crate) strict: bool,
}

/// What `test` knows.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The folder of definitions, with scenarios beside them: files that end in .masivo, also in its folder `scenarios`.
    pub(crate) folder: PathBuf,
    /// Write what was found in place of what the scenarios say.
    #[arg(long)]
    pub(crate) update: bool,
}

/// What `simulate` knows.
#[derive(Debug, Args)]
pub(crate) struct SimulateArguments {
    /// The folder of definitions, as they would be applied to the store.
    pub(crate) folder: PathBuf,
    /// So many days of the store's history come again in the days that follow.
    #[arg(long, value_name = "DAYS", default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=730))]
    pub(crate) last: u32,
    /// Events of a file instead, CSV or JSONL as `import events` takes them, moved forward by whole weeks when they are past.
    #[arg(long, value_name = "FILE", conflicts_with = "last")]
    pub(crate) events: Option<PathBuf>,
}

/// What `import` knows.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// What the rows are.
    #[arg(value_enum)]
    pub(crate) what: Rows,
    /// CSV with a head line (columns may be dotted: consent.purposes.email_marketing), or JSONL.
    pub(crate) file: PathBuf,
    /// Forget how far an earlier import of this file came and begin again; rows that are in already stay single.
    #[arg(long)]
    pub(crate) restart: bool,
    /// A word that tells this import apart from an earlier one of the very same file.
    #[arg(long, default_value = "")]
    pub(crate) label: String,
    /// For members: the static audience, by id or name.
    #[arg(long, required_if_eq("what", "members"))]
    pub(crate) audience: Option<String>,
}

/// What is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rows {
    /// Customers, as POST /customers takes them.
    Customers,
    /// Events, as POST /behavior/events takes them.
    Events,
    /// Customers from elsewhere with their balances, as POST /customers/migrate takes them.
    MigratedCustomers,
    /// Past events, each with its customer_id, as POST /customers/migrate/events takes them: they earn nothing.
    MigratedEvents,
    /// Past transactions, each with its customer_id, those of a customer one after the other; or a customer a row, as
    /// POST /customers/migrate/transactions takes them.
    MigratedTransactions,
    /// Members of a static audience (--audience), each named by id, email or phone.
    Members,
}

impl Rows {
    /// The name in paths and files.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Customers => "customers",
            Self::Events => "events",
            Self::MigratedCustomers => "migrated customers",
            Self::MigratedEvents => "migrated events",
            Self::MigratedTransactions => "migrated transactions",
            Self::Members => "members",
        }
    }
}
