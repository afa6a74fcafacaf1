//! The outbox worker: takes rows whose time has come, hands them over, reports what became of them.
//!
//! The worker keeps nothing of its own: poked or by its timer it asks the store what is due, so a restart
//! loses nothing. Everything it does to the store goes through the one door.
//!
//! - A failing message delays no other: every delivery is a task of its own, bounded per webhook, so a dead
//!   endpoint only fills its own share.
//! - A claimed row is leased. A worker that dies leaves it to be claimed again (webhook), or to be *unknown*
//!   (e-mail: nobody can say whether it went out, and it is not sent twice).

mod send;

use crate::email::Transport;
use crate::http::{Client, SetupError};
use masivo_store::{Answer, Delivery, Handle, SubmitError, Work};
use send::Sender;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

/// Deliveries on their way at the same time.
const IN_FLIGHT_MAX: usize = 256;
/// Deliveries to one destination on their way at the same time.
const PER_DESTINATION_MAX: usize = 8;
/// How long the worker waits after the store could not answer.
const STORE_PAUSE: Duration = Duration::from_secs(5);
/// The longest sleep: a row that was due meanwhile is found at the latest then.
const SLEEP_MAX: Duration = Duration::from_secs(60 * 60);

/// How the worker delivers.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How e-mail leaves; without it e-mails are recorded as not sent, with that reason.
    pub email: Option<Transport>,
    /// The sender of e-mail when the account sets none, for example `Shop <hello@shop.example>`.
    pub email_from: Option<String>,
    /// Whether webhooks may be called on private addresses.
    pub allow_private_addresses: bool,
    /// How long one call may take.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            email: None,
            email_from: None,
            allow_private_addresses: false,
            timeout: Duration::from_secs(20),
        }
    }
}

/// A running worker.
#[derive(Debug)]
pub struct Workers {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Workers {
    /// Starts a worker on the runtime at hand.
    ///
    /// # Errors
    /// When the TLS settings cannot be made.
    pub fn start(handle: Handle, settings: Settings) -> Result<Self, SetupError> {
        let desk = Desk::new(handle, settings)?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(desk.run(stopped));
        Ok(Self { stop, task })
    }

    /// Lets what is on its way arrive and stops.
    pub async fn stop(self) {
        // A worker that is gone already needs no word.
        let _ = self.stop.send(true);
        drop(self.task.await);
    }
}

/// Delivers everything that is due now, once; gives how many deliveries were tried.
///
/// # Errors
/// When the TLS settings cannot be made, or the store cannot answer.
pub async fn deliver_due(handle: &Handle, settings: &Settings) -> Result<u64, DeliverError> {
    let desk = Desk::new(handle.clone(), settings.clone())?;
    let mut tried = 0;
    loop {
        let deliveries = desk.claim(IN_FLIGHT_MAX).await?;
        if deliveries.is_empty() {
            return Ok(tried);
        }
        let mut tasks = JoinSet::new();
        for delivery in deliveries {
            tried += 1;
            let desk = desk.clone();
            tasks.spawn(async move { desk.deliver(delivery).await });
        }
        while tasks.join_next().await.is_some() {}
    }
}

/// Why nothing was delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// The TLS settings cannot be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The store cannot answer.
    #[error(transparent)]
    Store(#[from] SubmitError),
}

#[derive(Clone)]
struct Desk {
    handle: Handle,
    sender: Arc<Sender>,
    shares: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Desk {
    fn new(handle: Handle, settings: Settings) -> Result<Self, SetupError> {
        let client = Client::new(settings.allow_private_addresses)?;
        let sender = Arc::new(Sender { client, settings });
        Ok(Self { handle, sender, shares: Arc::default() })
    }

    async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        loop {
            while tasks.try_join_next().is_some() {}
            let room = IN_FLIGHT_MAX.saturating_sub(tasks.len());
            let claimed = if room == 0 { Ok(Vec::new()) } else { self.claim(room).await };
            let pause = match claimed {
                Ok(deliveries) if !deliveries.is_empty() => {
                    for delivery in deliveries {
                        let desk = self.clone();
                        tasks.spawn(async move { desk.deliver(delivery).await });
                    }
                    continue;
                }
                Ok(_) => self.until_next_due().await,
                Err(SubmitError::Closing) => break,
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read");
                    STORE_PAUSE
                }
            };
            tokio::select! {
                _ = stopped.changed() => break,
                () = self.handle.outbox_changed() => {}
                () = tokio::time::sleep(pause) => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Delivery>, SubmitError> {
        // Nothing is submitted when nothing is due: an idle store is not written to.
        let wall = self.handle.clock().wall();
        if self.next_due().await?.is_none_or(|due| due > wall) {
            return Ok(Vec::new());
        }
        match self.handle.submit(Work::ClaimDeliveries { limit }).await? {
            Answer::Deliveries(deliveries) => Ok(deliveries),
            _ => Ok(Vec::new()),
        }
    }

    async fn next_due(&self) -> Result<Option<masivo_core::value::Timestamp>, SubmitError> {
        let handle = self.handle.clone();
        let asked = tokio::task::spawn_blocking(move || handle.reader()?.outbox_next_due()).await;
        Ok(asked.map_err(|_| SubmitError::Closing)??)
    }

    async fn until_next_due(&self) -> Duration {
        let wall = self.handle.clock().wall();
        match self.next_due().await {
            Ok(Some(due)) => {
                let wait = u64::try_from(due.since(wall)).unwrap_or(0);
                Duration::from_millis(wait).min(SLEEP_MAX)
            }
            Ok(None) => SLEEP_MAX,
            Err(_) => STORE_PAUSE,
        }
    }

    async fn deliver(&self, delivery: Delivery) {
        let share = self.share(&send::destination(&delivery.content));
        // The share is only closed with the worker itself.
        let _place = share.acquire().await;
        let id = delivery.id;
        let result = self.sender.send(delivery, self.handle.clock().wall()).await;
        let report = Work::ReportDelivery { id, result };
        if let Err(error) = self.handle.submit(report).await {
            // The lease runs out and the row is looked at again.
            tracing::warn!(%id, %error, "a delivery could not be reported");
        }
    }

    fn share(&self, destination: &str) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares
            .entry(destination.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(PER_DESTINATION_MAX)));
        Arc::clone(share)
    }
}

#[cfg(test)]
mod tests;
