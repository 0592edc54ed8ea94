async fn load<'a, 'l, K, L: Log<K>, M, const N: usize, const S: usize>(
    &self,
    id: &'a str,
    kind: impl Into<Kind<N>>,
    log: &'l [L; S],
) -> Result<Option<Row<K>>, Error>
where
    K: DeserializeOwned,
    L: 'l,
    Self: Sized,
{
    use ::tiercache::__private as __tc;
    static __TC: __tc::Site = __tc::Site::new("load", "load", __tc::Policy::new());
    let __shape = __tc::Returns::<Result<Option<Row<K>>, Error>>::NEW.shape();
    let __call = match __TC
        .call(
            || {},
            &[__tc::type_name::<fn(K, M)>(), __tc::type_name_of_val(&kind)],
            __shape,
        )
        .part(&N)
        .part(&self.tenant)
        .part(&id)
        .part(&kind)
        .look()
    {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => call,
    };
    let __body = async move {
        if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
            return ret;
        }
        self.run::<M>(id, kind, log).await
    };
    __call.load(::core::pin::pin!(__body)).await
}
///The address of what [`load`](Self::load) keeps for these arguments: look at it, replace it, invalidate it.
#[allow(dead_code)]
fn load_entry<'a, K, M, const N: usize>(
    &self,
    id: &'a str,
    kind: impl Into<Kind<N>>,
) -> ::tiercache::Entry<Row<K>>
where
    K: DeserializeOwned,
    Self: Sized,
{
    use ::tiercache::__private as __tc;
    static __TC: __tc::Site = __tc::Site::new("load", "load", __tc::Policy::new());
    let _ = __tc::Returns::<Result<Option<Row<K>>, Error>>::NEW.shape().of::<Row<K>>();
    __TC.address(|| {}, &[__tc::type_name::<fn(K, M)>(), __tc::type_name_of_val(&kind)])
        .part(&N)
        .part(&self.tenant)
        .part(&id)
        .part(&kind)
        .entry()
}
