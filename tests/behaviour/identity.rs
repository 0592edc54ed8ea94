//! Two functions never share entries, also with equal prefixes, names and arguments.

use tiercache::{Cache, CallExt, Source, cached};

use super::{in_memory, two_instances};

mod one {
    #[tiercache::cached(prefix = "same")]
    pub(super) async fn find(id: u64) -> String {
        format!("one {id}")
    }
}

mod two {
    #[tiercache::cached(prefix = "same")]
    pub(super) async fn find(id: u64) -> String {
        format!("two {id}")
    }
}

struct First;
struct Second;

impl First {
    #[cached(prefix = "same")]
    async fn find(id: u64) -> String {
        format!("first {id}")
    }
}

impl Second {
    #[cached(prefix = "same")]
    async fn find(id: u64) -> String {
        format!("second {id}")
    }
}

trait Find {
    async fn find(&self, id: u64) -> String;
}

trait Seek {
    async fn find(&self, id: u64) -> String;
}

struct Pg<T>(T);

impl<T: ToString> Find for Pg<T> {
    #[cached(prefix = "same", skip(self), entry = false)]
    async fn find(&self, id: u64) -> String {
        format!("find {id} in {}", self.0.to_string())
    }
}

impl<T: ToString> Seek for Pg<T> {
    #[cached(prefix = "same", skip(self), entry = false)]
    async fn find(&self, id: u64) -> String {
        format!("seek {id} in {}", self.0.to_string())
    }
}

trait Table {
    const NAME: &str;
}

impl Table for First {
    const NAME: &str = "firsts";
}

impl Table for Second {
    const NAME: &str = "seconds";
}

/// The type parameter is in no argument and not in the value.
#[cached(prefix = "same")]
async fn find<T: Table>(id: u64) -> String {
    format!("{id} of {}", T::NAME)
}

#[cached(prefix = "same")]
async fn sized<const N: usize>(id: u64) -> String {
    format!("{id} by {N}")
}

struct Repo<T>(std::marker::PhantomData<T>);

impl<T: Table> Repo<T> {
    /// Neither receiver, nor `Self`, nor the type's parameter in sight.
    #[cached(prefix = "same")]
    async fn count(id: u64) -> String {
        format!("{id} in {}", T::NAME)
    }
}

async fn nested_here(id: u64) -> String {
    #[cached(prefix = "same")]
    async fn nested(id: u64) -> String {
        format!("nested here {id}")
    }
    nested(id).await
}

async fn nested_there(id: u64) -> String {
    #[cached(prefix = "same")]
    async fn nested(id: u64) -> String {
        format!("nested there {id}")
    }
    nested(id).await
}

/// Every one of them, with the same argument.
async fn all() -> Vec<String> {
    let (int, text) = (Pg(5), Pg("text"));
    vec![
        one::find(1).await,
        two::find(1).await,
        First::find(1).await,
        Second::find(1).await,
        Find::find(&int, 1).await,
        Seek::find(&int, 1).await,
        Find::find(&text, 1).await,
        find::<First>(1).await,
        find::<Second>(1).await,
        sized::<1>(1).await,
        sized::<2>(1).await,
        Repo::<First>::count(1).await,
        Repo::<Second>::count(1).await,
        nested_here(1).await,
        nested_there(1).await,
    ]
}

const EXPECTED: [&str; 15] = [
    "one 1",
    "two 1",
    "first 1",
    "second 1",
    "find 1 in 5",
    "seek 1 in 5",
    "find 1 in text",
    "1 of firsts",
    "1 of seconds",
    "1 by 1",
    "1 by 2",
    "1 in firsts",
    "1 in seconds",
    "nested here 1",
    "nested there 1",
];

#[tokio::test]
async fn functions_alike_in_everything_seen_never_get_each_others_values() {
    let (first, second) = two_instances().await;
    for cache in [&first, &first, &second, &second] {
        assert_eq!(cache.scope(all()).await, EXPECTED);
    }
    let total = first.stats().total;
    assert_eq!((total.loads_led, total.l1_hits), (15, 15));
    let total = second.stats().total;
    assert_eq!((total.l2_hits, total.l1_hits), (15, 15), "a second instance finds all of them in L2");
}

#[tokio::test]
async fn a_companion_has_the_identity_of_its_function() {
    let cache = in_memory().await;
    cache
        .scope(async {
            First::find(1).await;
            assert_eq!(First::find_entry(1).peek().await.as_deref(), Some("first 1"));
            assert_eq!(Second::find_entry(1).peek().await, None);
            find::<First>(1).await;
            assert_eq!(find_entry::<First>(1).peek().await.as_deref(), Some("1 of firsts"));
            assert_eq!(find_entry::<Second>(1).peek().await, None);
            Repo::<First>::count(1).await;
            assert_eq!(Repo::<First>::count_entry(1).peek().await.as_deref(), Some("1 in firsts"));
        })
        .await;
}

#[tokio::test]
async fn two_bodies_with_one_identity_do_not_share_and_are_reported() {
    #[cached(id = "shop.double", prefix = "double")]
    async fn original(id: u64) -> String {
        format!("original {id}")
    }
    #[cached(id = "shop.double", prefix = "double")]
    async fn usurper(id: u64) -> String {
        format!("usurper {id}")
    }
    let cache = in_memory().await;
    cache
        .scope(async {
            assert_eq!(original(1).await, "original 1");
            let (answer, outcome) = usurper(1).with_outcome().await;
            assert_eq!((answer.as_str(), outcome.unwrap().source()), ("usurper 1", Source::Bypass));
            assert_eq!(original(1).await, "original 1");
        })
        .await;
    let health = cache.health().await;
    assert!(health.notices.iter().any(|notice| notice.contains("shop.double")), "{health:?}");
    assert!(!health.is_good());
}

#[tokio::test]
async fn a_pinned_identity_is_found_under_another_name() {
    mod before {
        #[tiercache::cached(id = "shop.renamed", prefix = "renamed")]
        pub(super) async fn old_name(id: u64) -> u64 {
            id
        }
    }
    let cache: Cache = in_memory().await;
    cache.scope(before::old_name(1)).await;
    let old = cache.scope(async { before::old_name_entry(1).key() }).await.unwrap();
    tiercache::entry! { fn new_name_entry(id: u64) -> u64; id = "shop.renamed", prefix = "renamed" }
    let new = cache.scope(async { new_name_entry(1).key() }).await.unwrap();
    assert_eq!(old, new);
    assert_eq!(cache.scope(async { new_name_entry(1).peek().await }).await, Some(1));
}
