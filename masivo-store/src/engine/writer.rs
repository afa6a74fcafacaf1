//! The writer thread: takes groups from the queue, carries them out, makes them durable, answers.

use super::Config;
use super::answer::Answer;
use super::cache::{Cache, Dirty};
use super::clock::Clock;
use super::codes;
use super::drawing::{self, Drawings};
use super::due;
use super::handle::Handle;
use super::process;
use super::quotas::SharedQuotas;
use super::referrals;
use super::request::{Request, Work};
use crate::backend::{
    Backend, CommitError, Counters, CouponRun, DailyRow, Read, ReaderSource, Sweep, Unit, Write,
};
use crate::error::{StoreError, SubmitError};
use masivo_core::program::{Program, standard_definitions};
use masivo_core::referrals::FollowUp;
use masivo_core::report::DailySum;
use masivo_core::value::{DAY, HOUR, Mint, StoreSecret, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Days an idempotency key is remembered at least.
const REMEMBERED_DAYS: i64 = 30;
/// Wake-ups applied beside a group of commands, so that a flood of them cannot hold commands up.
const WAKE_UPS_BESIDE: usize = 128;
/// Wake-ups applied in a group of their own.
const WAKE_UPS_ALONE: usize = 1_024;
/// When erased data is looked for again after somebody was reading the file.
const SCRUBBED_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// When what the writer does by itself is tried again after it failed.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// A jump of the clock that stops writing.
const JUMP_SECONDS_MAX: i64 = HOUR / 1_000;

/// Work on its way to the writer.
pub(super) enum Job {
    One { request: Request, reply: oneshot::Sender<Result<Answer, SubmitError>> },
    Many { requests: Vec<Request>, reply: oneshot::Sender<Vec<Result<Answer, SubmitError>>> },
}

impl Job {
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::One { .. } => 1,
            Self::Many { requests, .. } => requests.len(),
        }
    }
}

/// What the handles and the writer share.
pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) secret: StoreSecret,
    pub(super) outbox: Notify,
    program: RwLock<Arc<Program>>,
    queued: AtomicUsize,
    queue_max: usize,
    /// The latest instant the engine stamped, in milliseconds.
    stamped: AtomicI64,
    closing: AtomicBool,
    done: AtomicU64,
    groups: AtomicU64,
    readers: Mutex<Readers>,
}

struct Readers {
    idle: Vec<Box<dyn Read + Send>>,
    open: ReaderSource,
}

/// Readers kept for the next question.
const IDLE_READERS_MAX: usize = 8;

impl Shared {
    pub(super) fn program(&self) -> Arc<Program> {
        Arc::clone(&self.program.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_program(&self, program: Arc<Program>) {
        *self.program.write().unwrap_or_else(PoisonError::into_inner) = program;
    }

    /// The present: the clock's, and never before what was stamped already.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().max(Timestamp::from_milliseconds(self.stamped.load(Ordering::SeqCst)))
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub(super) fn carried_out(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.groups.load(Ordering::Relaxed))
    }

    /// Takes room in the queue, all or nothing.
    pub(super) fn enter(&self, weight: usize) -> Result<(), SubmitError> {
        let before = self.queued.fetch_add(weight, Ordering::AcqRel);
        // A single piece of work larger than the queue is taken when nothing else waits.
        if before > 0 && before + weight > self.queue_max {
            self.leave(weight);
            return Err(SubmitError::Overloaded);
        }
        Ok(())
    }

    pub(super) fn leave(&self, weight: usize) {
        self.queued.fetch_sub(weight, Ordering::AcqRel);
    }

    pub(super) fn take_reader(&self) -> Result<Box<dyn Read + Send>, StoreError> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        match readers.idle.pop() {
            Some(reader) => Ok(reader),
            None => (readers.open)(),
        }
    }

    pub(super) fn give_reader(&self, reader: Box<dyn Read + Send>) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.idle.len() < IDLE_READERS_MAX {
            readers.idle.push(reader);
        }
    }
}

/// What the writer holds between groups.
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    pub(super) program: Arc<Program>,
    pub(super) cache: Cache,
    pub(super) counters: Counters,
    pub(super) now: Timestamp,
    pub(super) sweep: Option<Sweep>,
    /// Whether something may be left of members that are listed no longer.
    pub(super) untidy: bool,
    /// Drawing the cuts of scores.
    pub(super) drawings: Drawings,
    pub(super) daily: BTreeMap<(i64, String), (i64, i64)>,
    pub(super) quotas: SharedQuotas,
    /// The instant up to which everything that fell due is known to be booked.
    pub(super) settled: Option<Timestamp>,
    /// Whether the last group failed: what the writer does by itself then waits a little.
    pub(super) failed: bool,
    /// How far the codes of each coupon campaign are.
    pub(super) coupon_runs: BTreeMap<u32, CouponRun>,
    /// Sides of other customers that are still to be booked in the unit at hand.
    pub(super) follow_ups: VecDeque<FollowUp>,
    pub(super) outbox_touched: bool,
    /// Set when a customer was erased: old copies in the files must go too.
    pub(super) erased: bool,
}

impl Desk {
    pub(super) fn count(&mut self, sum: DailySum) {
        let total = self.daily.entry((sum.day, sum.key)).or_default();
        total.0 += sum.count;
        total.1 = total.1.saturating_add(sum.amount.micros());
    }
}

pub(super) fn start<B: Backend>(
    mut backend: B,
    secret: [u8; 16],
    config: &Config,
) -> Result<(Handle, JoinHandle<()>), StoreError> {
    let secret = StoreSecret::new(secret);
    let program = Arc::new(load_program(&mut backend, &secret, config.clock.now())?);
    let reader = backend.reader()?;
    let (counters, sweep, coupon_runs) = (reader.counters()?, reader.sweep()?, reader.coupon_runs()?);
    let untidy = !reader.unlisted(1)?.is_empty();
    let (open, leftovers) = (backend.reader_source()?, backend.has_leftovers());
    let shared = Arc::new(Shared {
        clock: Arc::clone(&config.clock),
        secret,
        outbox: Notify::new(),
        program: RwLock::new(Arc::clone(&program)),
        queued: AtomicUsize::new(0),
        queue_max: config.queue,
        stamped: AtomicI64::new(counters.last_instant.unwrap_or(Timestamp::MIN).milliseconds()),
        closing: AtomicBool::new(false),
        done: AtomicU64::new(0),
        groups: AtomicU64::new(0),
        readers: Mutex::new(Readers { idle: vec![reader], open }),
    });
    let (sender, receiver) = sync_channel(config.queue.max(1));
    let desk = Desk {
        shared: Arc::clone(&shared),
        program,
        cache: Cache::new(config.cache),
        now: counters.last_instant.unwrap_or(Timestamp::MIN),
        counters,
        sweep,
        untidy,
        drawings: Drawings::default(),
        daily: BTreeMap::new(),
        quotas: SharedQuotas::default(),
        settled: None,
        failed: false,
        coupon_runs,
        follow_ups: VecDeque::new(),
        outbox_touched: false,
        erased: leftovers,
    };
    let group = config.group.max(1);
    let thread = std::thread::Builder::new().name("masivo-writer".into()).spawn(move || {
        Writer { desk, receiver, group }.run(&mut backend);
    })?;
    Ok((Handle::new(sender, shared), thread))
}

fn load_program<B: Backend>(
    backend: &mut B,
    secret: &StoreSecret,
    now: Timestamp,
) -> Result<Program, StoreError> {
    let mut unit = backend.begin()?;
    let mut stored = unit.definitions()?;
    if stored.is_empty() {
        // The id of the first tier only depends on the store, so that runs can be repeated.
        let base = Mint::new(*secret, now, "definition", b"base tier").next_id();
        stored = standard_definitions(now, base);
        for definition in &stored {
            unit.write(Write::Definition(definition))?;
        }
        unit.commit().map_err(|error| match error {
            CommitError::NotCommitted(error) | CommitError::Unknown(error) => error,
        })?;
    }
    Program::load(stored).map_err(|report| StoreError::damaged(format!("definitions: {report}")))
}

struct Writer {
    desk: Desk,
    receiver: Receiver<Job>,
    group: usize,
}

/// Where the answers of a job go.
enum Reply {
    One(oneshot::Sender<Result<Answer, SubmitError>>),
    Many(oneshot::Sender<Vec<Result<Answer, SubmitError>>>, usize),
}

impl Writer {
    fn run<B: Backend>(mut self, backend: &mut B) {
        let mut next_due = None;
        loop {
            let (requests, replies, open) = self.take_group(next_due);
            if requests.is_empty() && !open {
                return;
            }
            let weight = requests.len();
            let (answers, due) = self.carry_out(backend, requests);
            next_due = due;
            self.desk.shared.leave(weight);
            give(answers, replies);
            if std::mem::take(&mut self.desk.outbox_touched) {
                self.desk.shared.outbox.notify_waiters();
                self.desk.shared.outbox.notify_one();
            }
        }
    }

    /// Waits for the first job, then takes whatever is queued already (G1).
    fn take_group(&self, next_due: Option<Timestamp>) -> (Vec<Request>, Vec<Reply>, bool) {
        let (mut requests, mut replies) = (Vec::new(), Vec::new());
        let first = self.first_job(next_due);
        let mut open = true;
        match first {
            Ok(job) => take_job(job, &mut requests, &mut replies),
            Err(RecvTimeoutError::Timeout) => return (requests, replies, true),
            Err(RecvTimeoutError::Disconnected) => return (requests, replies, false),
        }
        while requests.len() < self.group {
            match self.receiver.try_recv() {
                Ok(job) => take_job(job, &mut requests, &mut replies),
                Err(_) => break,
            }
        }
        if self.desk.shared.is_closing() {
            // The last group: everything that is still queued belongs to it.
            while let Ok(job) = self.receiver.try_recv() {
                take_job(job, &mut requests, &mut replies);
            }
            open = !requests.is_empty();
        }
        (requests, replies, open)
    }

    fn first_job(&self, next_due: Option<Timestamp>) -> Result<Job, RecvTimeoutError> {
        if self.desk.shared.is_closing() {
            return self.receiver.try_recv().map_err(|_| RecvTimeoutError::Disconnected);
        }
        let generates = self.desk.coupon_runs.values().any(|run| run.made < run.wanted);
        let looks = self.desk.sweep.is_some() || drawing::is_under_way(&self.desk);
        if looks || self.desk.untidy || generates {
            let stands = self.desk.failed || self.jumped();
            let wait = if stands { TRIED_AGAIN_AFTER } else { Duration::ZERO };
            return self.receiver.recv_timeout(wait);
        }
        let Some(due) = next_due.filter(|_| self.desk.shared.clock.jump() == 0 || !self.jumped()) else {
            return self.wait(None);
        };
        let wait = due.since(self.desk.shared.clock.now()).clamp(0, DAY);
        if wait == 0 || !self.desk.shared.clock.runs() {
            let now = self.desk.shared.clock.now();
            return if due <= now { self.receiver.recv_timeout(Duration::ZERO) } else { self.wait(None) };
        }
        self.wait(Some(Duration::from_millis(wait.unsigned_abs())))
    }

    /// Waits for a job, at most so long; shorter while old copies of what was erased are still in a file, so that they
    /// go soon also when nobody asks.
    fn wait(&self, most: Option<Duration>) -> Result<Job, RecvTimeoutError> {
        let again = self.desk.erased.then_some(SCRUBBED_AGAIN_AFTER);
        match most.into_iter().chain(again).min() {
            Some(most) => self.receiver.recv_timeout(most),
            None => self.receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn jumped(&self) -> bool {
        self.desk.shared.clock.jump().abs() > JUMP_SECONDS_MAX
    }

    /// Carries a group out in one unit; gives the answers and when to wake up next.
    fn carry_out<B: Backend>(
        &mut self,
        backend: &mut B,
        requests: Vec<Request>,
    ) -> (Vec<Result<Answer, SubmitError>>, Option<Timestamp>) {
        let count = requests.len();
        let jump = self.desk.shared.clock.jump();
        if jump.abs() > JUMP_SECONDS_MAX {
            return (self.refuse_jumped(requests, jump), None);
        }
        self.desk.now = self.desk.now.max(self.desk.shared.clock.now());
        self.desk.shared.stamped.fetch_max(self.desk.now.milliseconds(), Ordering::SeqCst);
        let before = (Arc::clone(&self.desk.program), self.desk.sweep);
        match self.group_unit(backend, requests) {
            Ok((answers, due)) => {
                self.desk.failed = false;
                self.desk.cache.written();
                if !Arc::ptr_eq(&before.0, &self.desk.program) {
                    self.desk.shared.set_program(Arc::clone(&self.desk.program));
                }
                self.desk.shared.done.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
                self.desk.shared.groups.fetch_add(1, Ordering::Relaxed);
                // A tidy-up that fails is tried again at the next rest.
                let rested =
                    if std::mem::take(&mut self.desk.erased) { backend.scrub() } else { backend.rest() };
                if rested.is_err() {
                    self.desk.erased = true;
                }
                (answers, due)
            }
            Err(error) => {
                self.desk.cache.clear();
                self.desk.daily.clear();
                self.desk.quotas.clear();
                self.desk.settled = None;
                self.desk.follow_ups.clear();
                self.desk.drawings.begin_again();
                self.desk.untidy = true;
                self.desk.outbox_touched = false;
                (self.desk.program, self.desk.sweep) = before;
                self.desk.failed = true;
                self.read_again();
                ((0..count).map(|_| Err(not_done(&error))).collect(), None)
            }
        }
    }

    /// Reads what the writer holds between groups from the store: a group that failed may have been written after all.
    fn read_again(&mut self) {
        let Ok(reader) = self.desk.shared.take_reader() else { return };
        self.desk.counters = reader.counters().unwrap_or(self.desk.counters);
        if let Ok(runs) = reader.coupon_runs() {
            self.desk.coupon_runs = runs;
        }
        if let Ok(sweep) = reader.sweep() {
            self.desk.sweep = sweep;
        }
        let stored = reader.definitions().ok().filter(|stored| {
            stored.iter().map(|stored| stored.program_version).max() != Some(self.desk.program.version())
        });
        if let Some(Ok(program)) = stored.map(Program::load) {
            self.desk.program = Arc::new(program);
            self.desk.shared.set_program(Arc::clone(&self.desk.program));
        }
        self.desk.shared.give_reader(reader);
    }

    fn refuse_jumped(&self, requests: Vec<Request>, seconds: i64) -> Vec<Result<Answer, SubmitError>> {
        requests
            .into_iter()
            .map(|request| match request.work {
                Work::ConfirmClock => {
                    self.desk.shared.clock.confirm();
                    Ok(Answer::Done)
                }
                _ => Err(SubmitError::ClockJumped { seconds }),
            })
            .collect()
    }

    #[expect(clippy::type_complexity, reason = "answers and the next wake-up, used once")]
    fn group_unit<B: Backend>(
        &mut self,
        backend: &mut B,
        requests: Vec<Request>,
    ) -> Result<(Vec<Result<Answer, SubmitError>>, Option<Timestamp>), CommitError> {
        let failed = CommitError::NotCommitted;
        let alone = requests.is_empty();
        let most = if alone { WAKE_UPS_ALONE } else { WAKE_UPS_BESIDE };
        let mut unit = backend.begin().map_err(failed)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(process::carry_out(&mut self.desk, &mut unit, request).map_err(failed)?);
            referrals::follow_up(&mut self.desk, &mut unit).map_err(failed)?;
        }
        due::wake_up_due(&mut self.desk, &mut unit, most).map_err(failed)?;
        due::begin_recalculation(&mut self.desk, &mut unit).map_err(failed)?;
        due::sweep(&mut self.desk, &mut unit, most).map_err(failed)?;
        drawing::draw(&mut self.desk, &mut unit, most).map_err(failed)?;
        if self.desk.untidy {
            self.desk.untidy = due::tidy(&self.desk, &mut unit, most).map_err(failed)? > 0;
        }
        referrals::follow_up(&mut self.desk, &mut unit).map_err(failed)?;
        codes::generate(&mut self.desk, &mut unit, most).map_err(failed)?;
        write_customers(&mut self.desk, &mut unit).map_err(failed)?;
        self.desk.quotas.write(&mut unit).map_err(failed)?;
        write_sums(&mut self.desk, &mut unit).map_err(failed)?;
        let again = self.desk.program.next_recalculation(self.desk.counters.recalculated);
        let drawn = drawing::next(&self.desk);
        let due = unit.next_due().map_err(failed)?.into_iter().chain(again).chain(drawn).min();
        unit.commit()?;
        Ok((answers, due))
    }
}

pub(super) fn write_customers(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    for (row, dirty) in desk.cache.dirty() {
        let Dirty { was_armed, profile, id, series } = *dirty;
        unit.write(Write::Customer { row, was_armed, profile, id, series })?;
        if profile {
            let phone = row.profile.comparable_phone();
            let hash = phone.map(|phone| desk.shared.secret.hash("phone", &[phone.as_bytes()]));
            unit.write(Write::Phone { customer: row.key, hash })?;
        }
    }
    Ok(())
}

fn write_sums(desk: &mut Desk, unit: &mut impl Unit) -> Result<(), StoreError> {
    let day = desk.now.day();
    for ((day, key), (count, micros)) in std::mem::take(&mut desk.daily) {
        let amount = masivo_core::value::Decimal::from_micros(micros);
        unit.write(Write::Daily(&DailyRow { day, key, count, amount }))?;
    }
    if desk.counters.last_instant.is_none_or(|last| last.day() < day) {
        unit.write(Write::Forget { before: desk.now.plus(-REMEMBERED_DAYS * DAY) })?;
    }
    if desk.counters.last_instant != Some(desk.now) {
        unit.write(Write::LastInstant(desk.now))?;
        desk.counters.last_instant = Some(desk.now);
    }
    Ok(())
}

fn not_done(error: &CommitError) -> SubmitError {
    match error {
        CommitError::NotCommitted(error) => SubmitError::NotCommitted { reason: error.to_string() },
        CommitError::Unknown(error) => SubmitError::Unknown { reason: error.to_string() },
    }
}

fn take_job(job: Job, requests: &mut Vec<Request>, replies: &mut Vec<Reply>) {
    match job {
        Job::One { request, reply } => {
            requests.push(request);
            replies.push(Reply::One(reply));
        }
        Job::Many { requests: many, reply } => {
            replies.push(Reply::Many(reply, many.len()));
            requests.extend(many);
        }
    }
}

/// Gives every caller its answers; whoever no longer listens is not missed.
fn give(answers: Vec<Result<Answer, SubmitError>>, replies: Vec<Reply>) {
    let mut answers = answers.into_iter();
    for reply in replies {
        match reply {
            Reply::One(reply) => drop(answers.next().map(|answer| reply.send(answer))),
            Reply::Many(reply, count) => drop(reply.send(answers.by_ref().take(count).collect())),
        }
    }
}
