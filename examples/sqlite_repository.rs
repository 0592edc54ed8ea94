//! A repository over a real database (`SQLite`, by sqlx), its methods cached.
//!
//! ```text
//! cargo run -p examples --example sqlite_repository [database file]
//! ```
//!
//! L2 is a file; with `TIERCACHE_L2_URL` set, it is that Redis.

use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

use examples::{head, row};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use tiercache::{Cache, CallExt, Embedded, Redis, Source, cached, entry};

type AnyError = Box<dyn Error + Send + Sync>;

const SCHEMA: &str = "
    CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, placed_on TEXT NOT NULL);
    CREATE TABLE order_items (
        order_id INTEGER NOT NULL REFERENCES orders, product TEXT NOT NULL,
        quantity INTEGER NOT NULL, unit_cents INTEGER NOT NULL
    );
    CREATE INDEX orders_of_user ON orders (user_id);
    CREATE INDEX items_of_order ON order_items (order_id);
";

const USERS: i64 = 2_000;
const ORDERS: i64 = 6_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
struct User {
    id: i64,
    email: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
struct Order {
    id: i64,
    user_id: i64,
    placed_on: String,
    cents: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, sqlx::FromRow)]
struct Seller {
    product: String,
    sold: i64,
    cents: i64,
}

#[derive(Clone)]
struct Repository {
    pool: SqlitePool,
    /// Queries that reached the database: what the cache is there to save.
    queries: Arc<AtomicU32>,
}

impl Repository {
    /// All instances share the entries (`skip(self)`): there is one database. That there is no such user is remembered
    /// too, but not for long, for someone may sign up.
    #[cached(prefix = "user", ttl = "5m", none_ttl = "10s", skip(self))]
    async fn user(&self, id: i64) -> Result<Option<User>, sqlx::Error> {
        self.queries.fetch_add(1, Relaxed);
        sqlx::query_as("SELECT * FROM users WHERE id = ?").bind(id).fetch_optional(&self.pool).await
    }

    /// However the address is written, it is one key.
    #[cached(prefix = "user:by-email", ttl = "5m", skip(self), key = (email.to_lowercase()))]
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, sqlx::Error> {
        self.queries.fetch_add(1, Relaxed);
        sqlx::query_as("SELECT * FROM users WHERE email = lower(?)").bind(email).fetch_optional(&self.pool).await
    }

    /// An expensive report: long in L2, briefly in L1, and not kept while there is nothing to report.
    #[cached(prefix = "report", ttl = "1h", l1_ttl = "30s", skip(self), cache_if = |rows| !rows.is_empty())]
    async fn best_sellers(&self, limit: u32) -> Result<Vec<Seller>, sqlx::Error> {
        self.queries.fetch_add(1, Relaxed);
        let report = "SELECT product, sum(quantity) AS sold, sum(quantity * unit_cents) AS cents
            FROM order_items GROUP BY product ORDER BY cents DESC, product LIMIT ?";
        sqlx::query_as(report).bind(limit).fetch_all(&self.pool).await
    }

    /// Writes, and then says what is not true any more. A wrong entry or a wrong argument would not compile.
    async fn rename(&self, user: &User, name: &str) -> Result<(), AnyError> {
        sqlx::query("UPDATE users SET name = ? WHERE id = ?").bind(name).bind(user.id).execute(&self.pool).await?;
        Self::user_entry(user.id).invalidate().await?;
        Self::user_by_email_entry(&user.email).invalidate().await?;
        Ok(())
    }

    async fn add_item(&self, order: i64, product: &str, quantity: i64, unit_cents: i64) -> Result<(), AnyError> {
        sqlx::query("INSERT INTO order_items VALUES (?, ?, ?, ?)")
            .bind(order)
            .bind(product)
            .bind(quantity)
            .bind(unit_cents)
            .execute(&self.pool)
            .await?;
        order_entry(order).invalidate().await?;
        Ok(())
    }
}

// The methods of a trait impl have no room for a companion beside them: the address is declared by itself, and the method
// is cached at it.
entry! { fn order_entry(id: i64) -> Order; prefix = "order", ttl = "5m" }

trait Orders {
    async fn order(&self, id: i64) -> Result<Option<Order>, sqlx::Error>;
}

impl Orders for Repository {
    #[cached(at = order_entry(id), skip(self))]
    async fn order(&self, id: i64) -> Result<Option<Order>, sqlx::Error> {
        self.queries.fetch_add(1, Relaxed);
        let order = "SELECT orders.*, sum(quantity * unit_cents) AS cents
            FROM orders JOIN order_items ON order_id = id WHERE id = ? GROUP BY id";
        sqlx::query_as(order).bind(id).fetch_optional(&self.pool).await
    }
}

/// Opens the database, and fills it if it is new.
async fn open_database(path: &Path) -> Result<Repository, sqlx::Error> {
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&pool).await?;
    if tables == 0 {
        sqlx::raw_sql(SCHEMA).execute(&pool).await?;
        seed(&pool).await?;
    }
    Ok(Repository { pool, queries: Arc::default() })
}

/// The same rows on every machine.
async fn seed(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    const PRODUCTS: [(&str, i64); 5] =
        [("anvil", 9_900), ("bell", 450), ("cord", 120), ("drum", 20_000), ("easel", 3_500)];
    let mut random = fastrand::Rng::with_seed(7);
    let mut rows = pool.begin().await?;
    for id in 1..=USERS {
        let insert = sqlx::query("INSERT INTO users VALUES (?, ?, ?)");
        insert.bind(id).bind(format!("user{id}@example.com")).bind(format!("User {id}")).execute(&mut *rows).await?;
    }
    for id in 1..=ORDERS {
        let insert = sqlx::query("INSERT INTO orders VALUES (?, ?, ?)");
        let day = format!("2024-{:02}-{:02}", random.u32(1..=12), random.u32(1..=28));
        insert.bind(id).bind(random.i64(1..=USERS)).bind(day).execute(&mut *rows).await?;
        for _ in 0..random.u32(1..=4) {
            let (product, cents) = PRODUCTS[random.usize(..PRODUCTS.len())];
            let insert = sqlx::query("INSERT INTO order_items VALUES (?, ?, ?, ?)");
            insert.bind(id).bind(product).bind(random.i64(1..=5)).bind(cents).execute(&mut *rows).await?;
        }
    }
    rows.commit().await
}

async fn open_cache(beside: &Path) -> Result<Cache, AnyError> {
    let builder = Cache::builder().namespace("sqlite-repository");
    let builder = match std::env::var("TIERCACHE_L2_URL") {
        Ok(url) => builder.l2(Redis::new(&url)?),
        Err(_) => builder.l2(Embedded::open(beside.with_extension("redb"))?),
    };
    let cache = builder.build().await?;
    // This program may have run before, with another database.
    cache.clear().await?;
    Ok(cache)
}

/// Makes a call, prints where its answer came from, and asserts that.
async fn show<T, E>(what: &str, expected: Source, call: impl Future<Output = Result<T, E>>) -> Result<T, AnyError>
where
    AnyError: From<E>,
{
    let begin = Instant::now();
    let (answer, outcome) = call.with_outcome().await;
    let time = begin.elapsed();
    let source = outcome.ok_or("no cached function was called")?.source();
    row(what, format!("{source:?}"), time);
    assert_eq!(source, expected, "{what}");
    Ok(answer?)
}

async fn tour(repository: &Repository, cache: &Cache) -> Result<(), AnyError> {
    let user = show("user(42)", Source::Loader, repository.user(42)).await?.ok_or("no user 42")?;
    show("user(42)", Source::L1, repository.user(42)).await?;
    cache.clear_l1();
    show("user(42), L1 dropped", Source::L2, repository.user(42)).await?;

    show("user(0): there is none", Source::Loader, repository.user(0)).await?;
    assert_eq!(show("user(0): remembered", Source::L1, repository.user(0)).await?, None);

    show("user_by_email(\"user42@…\")", Source::Loader, repository.user_by_email(&user.email)).await?;
    let shouted = user.email.to_uppercase();
    show("user_by_email(\"USER42@…\")", Source::L1, repository.user_by_email(&shouted)).await?;

    let report = show("best_sellers(3)", Source::Loader, repository.best_sellers(3)).await?;
    assert_eq!(report.len(), 3);
    show("best_sellers(3)", Source::L1, repository.best_sellers(3)).await?;

    repository.rename(&user, "Ada").await?;
    let renamed = show("user(42), renamed", Source::Loader, repository.user(42)).await?;
    assert_eq!(renamed.map(|user| user.name).as_deref(), Some("Ada"));
    show("user_by_email(\"user42@…\"), renamed", Source::Loader, repository.user_by_email(&user.email)).await?;

    let before = show("order(7), by a trait", Source::Loader, repository.order(7)).await?.ok_or("no order 7")?;
    show("order(7)", Source::L1, repository.order(7)).await?;
    repository.add_item(7, "bell", 2, 450).await?;
    let after = show("order(7), an item more", Source::Loader, repository.order(7)).await?.ok_or("no order 7")?;
    assert_eq!(after.cents, before.cents + 900);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let directory = tempfile::tempdir()?;
    let path = std::env::args_os().nth(1).map_or_else(|| directory.path().join("shop.sqlite"), Into::into);
    let repository = open_database(&path).await?;
    let cache = open_cache(&path).await?;
    cache.install()?;

    head("call", "source");
    tour(&repository, &cache).await?;

    let queries = repository.queries.load(Relaxed);
    println!("\n{queries} queries for {} calls", cache.stats().total.requests);
    cache.close().await?;
    repository.pool.close().await;
    Ok(())
}
