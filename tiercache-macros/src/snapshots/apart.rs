async fn token(&self, tenant: &str, id: u64) -> Result<Token, Error> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: __tc::Policy = __tc::Policy::new()
        .ttl(__tc::secs(300))
        .stale_if_error(__tc::secs(600))
        .jitter(0.1)
        .stale_while_revalidate(__tc::secs(60))
        .refresh_ahead_auto()
        .timeout(__tc::secs(2))
        .soft_timeout(__tc::millis(50))
        .detach();
    static __TC: __tc::Site = __tc::Site::new("token", "token", __TC_POLICY);
    let __shape = __tc::Returns::<Result<Token, Error>>::NEW.shape();
    let __call = match __TC
        .call(|| {}, &[], __shape)
        .part(&tenant)
        .part(&id)
        .look_ahead()
    {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => call,
    };
    let __body = {
        let __own___self = __tc::own(self);
        let __own_tenant = __tc::own(tenant);
        __tc::given(&id);
        async move {
            if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
                return ret;
            }
            let __self = __own___self.lend();
            let tenant = __own_tenant.lend();
            __self.issue(tenant, id).await
        }
    };
    __call
        .load_owned_within(
            ::std::boxed::Box::pin(__body),
            __tc::both(
                __shape,
                __tc::keep_if(__shape, |token| token.valid),
                __tc::ttl_from(__shape, |token| token.life),
            ),
            __tc::late(__shape),
        )
        .await
}
///The address of what [`token`](Self::token) keeps for these arguments: look at it, replace it, invalidate it.
#[allow(dead_code)]
fn token_entry(tenant: &str, id: u64) -> ::tiercache::Entry<Token> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: __tc::Policy = __tc::Policy::new()
        .ttl(__tc::secs(300))
        .stale_if_error(__tc::secs(600))
        .jitter(0.1)
        .stale_while_revalidate(__tc::secs(60))
        .refresh_ahead_auto()
        .timeout(__tc::secs(2))
        .soft_timeout(__tc::millis(50))
        .detach();
    static __TC: __tc::Site = __tc::Site::new("token", "token", __TC_POLICY);
    let _ = __tc::Returns::<Result<Token, Error>>::NEW.shape().of::<Token>();
    __TC.address(|| {}, &[]).part(&tenant).part(&id).entry()
}
