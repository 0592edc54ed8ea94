//! The attributes of tiercache: [`macro@cached`], [`macro@invalidates`], [`macro@updates`] and [`entry!`].
//!
//! Use them through the crate `tiercache`, whose private parts of the very same version the expansions call.
#![cfg_attr(
    not(test),
    deny(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unreachable, clippy::unwrap_used)
)]

mod attr;
mod check;
mod decide;
mod diag;
mod expand;
mod fallback;
mod format;
mod generics;
mod item;
mod model;
mod names;
mod paths;
mod receiver;
mod run;
#[cfg(test)]
mod snapshots;

use proc_macro::TokenStream;

/// Caches what an async function returns.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tiercache::{Cache, cached};
///
/// static QUERIES: AtomicU64 = AtomicU64::new(0);
///
/// #[cached(ttl = 300, prefix = "user")]
/// pub async fn get_user(id: u64) -> Result<String, std::fmt::Error> {
///     QUERIES.fetch_add(1, Ordering::Relaxed);
///     Ok(format!("user {id}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tiercache::Result<()> {
/// let cache = Cache::builder().build().await?;
/// cache.scope(async {
///     assert_eq!(get_user(1).await.unwrap(), "user 1");
///     assert_eq!(get_user(1).await.unwrap(), "user 1");
///     assert_eq!(QUERIES.load(Ordering::Relaxed), 1);
///
///     // The companion: the typed address of one cached value.
///     assert_eq!(get_user_entry(1).peek().await.as_deref(), Some("user 1"));
///     get_user_entry(1).invalidate().await
/// })
/// .await
/// # }
/// ```
///
/// A call looks in L1, then in L2, and only then runs the body, once, however many callers wait for it. What the function
/// returns is found by type: of `T`, `Option<T>`, `Result<T, E>` and `Result<Option<T>, E>`, the `T` is kept, and an `Err` or
/// a `None` is not. `T` is `Clone + Serialize + DeserializeOwned + Send + Sync + 'static`.
///
/// It goes on free functions, on methods, inherent or of traits, on generic ones, and on those that `#[async_trait]` has
/// rewritten. All that you wrote on the function stays, and in its body `return`, `?` and borrowed locals work as before.
///
/// # What is in the key
///
/// Every argument, unless it is in `skip`, or `key` is given: nothing is left out silently. A method says what becomes of
/// `self`, by `skip(self)` or by a `key` that uses it. Two functions never share entries, nor do two instantiations of a
/// generic one, except for type parameters that only skipped arguments mention.
///
/// An argument is a key if serde can serialize it. A `HashSet` is refused, because its order is not stable; one inside of a
/// struct cannot be seen, and misses: use a `BTreeSet` there.
///
/// # Options
///
/// ## `ttl = 300`, `ttl = "1h30m"`
///
/// How long a value lives: whole seconds, or a string of `h`, `m`, `s` and `ms`. Left out: the cache's default.
///
/// ## `l1_ttl = 30`
///
/// The shorter life of the copy in this process, in the spelling of `ttl`. It bounds how long an instance can go on with a
/// value that another one has changed, if it hears nothing of it.
///
/// ## `none_ttl = 30`
///
/// Keeps `None` as well, for this long (negative caching).
///
/// ```
/// # use tiercache::cached;
/// #[cached(ttl = "5m", l1_ttl = 30, none_ttl = "500ms")]
/// async fn find_user(name: &str) -> Option<u64> {
///     (name == "root").then_some(0)
/// }
/// # let _ = find_user("root");
/// ```
///
/// ## `prefix = "user"`
///
/// The key's group, for invalidation and statistics: ASCII letters, digits, `_`, `-` and `.`, with `:` between segments.
/// Default: the function's name.
///
/// ## `skip(db, trace_id)`
///
/// Arguments that do not choose the answer.
///
/// ## `key = (tenant, id.0)`
///
/// Exactly these expressions instead of the arguments, each taken by reference as one part. They may use `self`.
///
/// ```
/// # use tiercache::cached;
/// struct Users { tenant: String }
/// struct Id(u64);
///
/// impl Users {
///     #[cached(prefix = "shop:user", key = (self.tenant, id.0))]
///     async fn of_tenant(&self, id: Id) -> String {
///         format!("{} of {}", id.0, self.tenant)
///     }
///
///     #[cached(skip(self, trace))]
///     async fn of_all(&self, id: u64, trace: &str) -> u64 {
///         println!("{trace}");
///         id
///     }
/// }
/// # let users = Users { tenant: String::new() };
/// # drop((users.of_tenant(Id(1)), users.of_all(1, ""), users.of_tenant_entry(Id(1)), Users::of_all_entry(1)));
/// ```
///
#[doc = include_str!("tags.md")]
///
/// ## `cache = "prompt"`
///
/// A named cache, with an L1 and defaults of its own.
///
/// ## `cache_if = |user| user.active`
///
/// Keeps a value only if this holds. It sees `&T`.
///
/// ```
/// # use tiercache::cached;
/// #[cached(cache = "prompt", cache_if = |answer| !answer.is_empty())]
/// async fn complete(prompt: String) -> Result<String, std::io::Error> {
///     Ok(prompt.to_uppercase())
/// }
/// # drop(complete(String::new()));
/// ```
///
#[doc = concat!(include_str!("running.md"), "\n", include_str!("write.md"))]
///
/// ## `version = 2`
///
/// Raise it when the meaning of the value changes: what other versions have stored is a miss.
///
/// ## `codec = "json"`
///
/// Another codec for this function: `"bincode"`, `"postcard"` or `"json"`, each a feature of `tiercache`.
///
/// ## `id = "shop.get_user"`
///
/// Pins the function's identity. By default it is the path of the function, so that moving it starts with a cold cache.
///
/// ```
/// # use tiercache::cached;
/// #[cached(version = 2, codec = "json", id = "shop.get_user")]
/// async fn get_user(id: u64) -> String {
///     id.to_string()
/// }
/// # drop(get_user(1));
/// ```
///
/// ## `at = user_entry(id)`
///
/// Keeps the value at an address that is declared with [`entry!`], instead of one of the function's own. What belongs to
/// the address (`ttl`, `prefix`, `key`, …) is said there. Arguments that it does not use are in `skip`.
///
/// ```
/// # use tiercache::cached;
/// tiercache::entry! { pub fn user_entry(id: u64) -> String; prefix = "user", ttl = 300 }
///
/// trait Users {
///     async fn find(&self, id: u64) -> Option<String>;
/// }
///
/// struct Pg;
///
/// impl Users for Pg {
///     #[cached(at = user_entry(id), skip(self))]
///     async fn find(&self, id: u64) -> Option<String> {
///         Some(id.to_string())
///     }
/// }
/// # drop(Pg.find(1));
/// ```
///
/// ## `value = User`
///
/// The type that is stored, for the companion. It is read from the spelling of the return type, and an alias may hide it;
/// then rustc says so.
///
/// ## `entry = false`, `entry = user_address`
///
/// No companion, or another name for it than the function's with `_entry`. In a trait, and in an `impl` of one,
/// `entry = false` is needed, for the trait has no such method; under `#[async_trait]` none is made.
///
/// ```
/// # use tiercache::cached;
/// type Found = Result<u64, String>;
///
/// #[cached(value = u64, entry = address_of)]
/// async fn find(name: &str) -> Found {
///     name.parse().map_err(|_| name.to_owned())
/// }
///
/// #[cached(entry = false)]
/// async fn look(name: &str) -> Found {
///     find(name).await
/// }
/// # drop((address_of("1"), look("1")));
/// ```
///
/// ## `crate = shop::tiercache`
///
/// Where the crate `tiercache` is, if it is renamed or re-exported.
///
/// ```
/// mod shop {
///     pub use tiercache;
/// }
///
/// #[shop::tiercache::cached(crate = crate::shop::tiercache)]
/// async fn get_user(id: u64) -> u64 {
///     id
/// }
/// # fn main() { drop(get_user(1)); }
/// ```
#[doc = include_str!("batch.md")]
#[proc_macro_attribute]
pub fn cached(options: TokenStream, item: TokenStream) -> TokenStream {
    run::cached(options.into(), &item.into()).into()
}

#[doc = include_str!("invalidates.md")]
#[proc_macro_attribute]
pub fn invalidates(targets: TokenStream, item: TokenStream) -> TokenStream {
    run::invalidates(targets.into(), &item.into()).into()
}

#[doc = include_str!("updates.md")]
#[proc_macro_attribute]
pub fn updates(targets: TokenStream, item: TokenStream) -> TokenStream {
    run::updates(targets.into(), &item.into()).into()
}

/// Declares the address of a cached value by itself, for functions that cannot have a companion, and for several that
/// read one thing.
///
/// Docs, attributes and visibility are the function's; after the signature come the options of [`macro@cached`] that are about
/// the value: `ttl`, `l1_ttl`, `none_ttl`, `stale_if_error`, `jitter`, `prefix`, `key`, `tags`, `cache`, `version`, `id`, `codec`,
/// `write`, and `crate`. What it returns is the type that is stored. Its identity is its path, or `id`.
///
/// ```
/// use tiercache::{Cache, cached, entry};
///
/// entry! {
///     /// Where a user is.
///     pub fn user_entry(id: u64) -> String;
///     prefix = "user", ttl = 300
/// }
///
/// #[cached(at = user_entry(id))]
/// async fn by_id(id: u64) -> Option<String> {
///     Some(format!("user {id}"))
/// }
///
/// #[cached(at = user_entry(name.len() as u64))]
/// async fn by_name(name: &str) -> String {
///     name.to_owned()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> tiercache::Result<()> {
/// let cache = Cache::builder().build().await?;
/// cache.scope(async {
///     assert_eq!(by_id(4).await.as_deref(), Some("user 4"));
///     assert_eq!(by_name("root").await, "user 4");
///     user_entry(4).set("nobody".to_owned()).await?;
///     assert_eq!(by_id(4).await.as_deref(), Some("nobody"));
///     Ok(())
/// })
/// .await
/// # }
/// ```
#[proc_macro]
pub fn entry(input: TokenStream) -> TokenStream {
    run::declared(input.into()).into()
}
