//! Functions that a macro wrote, that have the same name, or whose generics are only half in the key.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use tiercache::{Cache, Cacheable, Entry, cached};

macro_rules! written {
    ($name:ident, $arg:ident: $arg_type:ty => $output:ty, $body:block, $ttl:literal, $key:expr) => {
        #[cached(ttl = $ttl, key = $key)]
        async fn $name($arg: $arg_type) -> $output $body
    };
}

written!(single, id: u64 => Option<u64>, { if id == 0 { return None; } Some(id) }, "5m", id % 2 + 1);
written!(pair, id: u64 => u64, { id }, 60, (id % 2, id / 10));

#[cached]
async fn nested(id: u64) -> u64 {
    #[cached]
    async fn nested(id: u64) -> u64 {
        id + 1
    }
    nested(id).await + 1
}

trait Named {
    #[cached(skip(self), entry = false)]
    async fn name(&self) -> String {
        std::any::type_name_of_val(self).to_owned()
    }
}

impl Named for u8 {}
impl<T> Named for Vec<T> {}

#[allow(clippy::unsafe_derive_deserialize, reason = "clippy counts the `pin!` of a method as the type's own")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Own {
    id: u64,
}

impl Own {
    #[cached(key = self.id)]
    async fn itself(self) -> Self {
        self
    }

    #[cached]
    async fn made(id: u64) -> Result<Self, String>
    where
        Self: Sized,
    {
        Ok(Self { id })
    }
}

struct Connection<'c>(PhantomData<&'c str>);

impl<'c> Connection<'c> {
    #[cached(skip(self))]
    async fn joined<'a, 'b: 'a>(&'a self, one: &'c str, two: &'a str, three: Cow<'b, str>) -> String {
        format!("{one}{two}{three}")
    }
}

#[cached(skip(pool))]
async fn queried<P>(pool: P, id: u64) -> Result<u64, std::io::Error>
where
    P: AsRef<str>,
    for<'x> &'x P: Sized,
{
    Ok(id + pool.as_ref().len() as u64)
}

#[cached(skip(apply))]
async fn applied(apply: &(dyn Fn(u64) -> u64 + Sync), id: u64) -> u64 {
    apply(id)
}

async fn scoped<T>(test: impl Future<Output = T>) -> T {
    Cache::builder().build().await.expect("a memory-only cache needs nothing").scope(test).await
}

fn key<T: Cacheable>(entry: &Entry<T>) -> String {
    entry.key().expect("the arguments can be keys")
}

#[tokio::test]
async fn a_key_expression_of_a_macro_is_one_expression() {
    scoped(async {
        assert_eq!((single(1).await, single(3).await), (Some(1), Some(1)));
        assert_eq!((pair(11).await, pair(13).await, pair(23).await), (11, 11, 23));
        assert_ne!(key(&pair_entry(11)), key(&pair_entry(21)));
    })
    .await;
}

#[tokio::test]
async fn functions_of_one_name_share_nothing() {
    scoped(async {
        assert_eq!(nested(1).await, 3);
        assert_eq!(nested(1).await, 3);
        assert_eq!((1_u8.name().await, vec![1_u8].name().await), ("u8".to_owned(), "alloc::vec::Vec<u8>".to_owned()));
        assert_eq!(vec![1_u16].name().await, "alloc::vec::Vec<u16>");
    })
    .await;
}

#[tokio::test]
async fn self_types_and_lifetimes_are_carried_over() {
    scoped(async {
        let own = Own { id: 7 };
        assert_eq!(own.clone().itself().await, own);
        assert_eq!(own.clone().itself_entry().peek().await, Some(own.clone()));
        assert_eq!(Own::made(7).await, Ok(own.clone()));
        assert_eq!(Own::made_entry(7).peek().await, Some(own));

        assert_eq!(Connection(PhantomData).joined("a", "b", "c".into()).await, "abc");
        assert_eq!(Connection::joined_entry("a", "b", "c".into()).peek().await.as_deref(), Some("abc"));
    })
    .await;
}

#[tokio::test]
async fn what_only_a_skipped_argument_mentions_is_not_in_the_key() {
    scoped(async {
        assert_eq!(queried("pool", 1).await.ok(), Some(5));
        assert_eq!(queried("another".to_owned(), 1).await.ok(), Some(5));
        assert_eq!(queried_entry(1).peek().await, Some(5));
        assert_eq!((applied(&|id| id + 1, 1).await, applied(&|id| id, 1).await), (2, 2));
    })
    .await;
}
