//! The peer's server: `peer --variant function --postgres "host=/tmp/x user=postgres" --listen 127.0.0.1:9000`

use axum::serve::ListenerExt as _;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use peer_postgres::flags::Flags;
use peer_postgres::program::Program;
use peer_postgres::server::{App, Variant, router};
use std::error::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::NoTls;

/// The allocator the engine's server runs with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::read(std::env::args().skip(1), &["variant", "postgres", "listen", "pool"])?;
    let variant = flags.get("variant", "function".to_owned())?.parse::<Variant>()?;
    let mut settings: tokio_postgres::Config =
        flags.get("postgres", "host=/tmp user=postgres".to_owned())?.parse()?;
    // One plan for all arrays: planning anew by their lengths costs more than it gains.
    settings.options(format!("-c search_path={} -c plan_cache_mode=force_generic_plan", variant.schema()));
    let manager =
        Manager::from_config(settings, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    let pool = Pool::builder(manager).max_size(flags.get("pool", 32)?).build()?;
    let program = Program::read(&**pool.get().await?).await?;
    let listener = TcpListener::bind(flags.get("listen", "127.0.0.1:9000".to_owned())?).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        terminate.recv().await;
    };
    axum::serve(listener, router(App { pool, program, variant })).with_graceful_shutdown(stop).await?;
    Ok(())
}
