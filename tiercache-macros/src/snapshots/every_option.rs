/// What we know of a user.
#[instrument(skip_all)]
#[cfg(feature = "profiles")]
#[cfg_attr(docsrs, doc(hidden), must_use)]
pub(crate) async fn profile_of(
    db: &Pool,
    tenant: &Tenant,
    mut name: Name,
) -> Found<UserProfile> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: __tc::Policy = __tc::Policy::new()
        .ttl(__tc::secs(5400))
        .l1_ttl(__tc::secs(30))
        .none_ttl(__tc::millis(1500))
        .version(2)
        .cache("profiles")
        .codec(::tiercache::Codec::Json)
        .write_mode(::tiercache::WriteMode::Behind);
    static __TC: __tc::Site = __tc::Site::new(
            "shop:user-profile",
            "profile_of",
            __TC_POLICY,
        )
        .id("shop.profile_of");
    let __shape = __tc::Returns::<Found<UserProfile>>::NEW.shape().with_none();
    let __call = match __TC
        .call(|| {}, &[], __shape)
        .part(&tenant.id)
        .part(&&name.0)
        .look()
    {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => call,
    };
    let __body = async move {
        if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
            return ret;
        }
        name.normalize();
        db.profile(tenant, name).await?.map(Into::into)
    };
    __call.load_if(::core::pin::pin!(__body), |profile| profile.complete).await
}
///The address of what [`profile_of`] keeps for these arguments: look at it, replace it, invalidate it.
#[cfg(feature = "profiles")]
#[cfg_attr(docsrs, doc(hidden))]
#[allow(dead_code)]
pub(crate) fn profile_address(
    tenant: &Tenant,
    name: Name,
) -> ::tiercache::Entry<UserProfile> {
    use ::tiercache::__private as __tc;
    const __TC_POLICY: __tc::Policy = __tc::Policy::new()
        .ttl(__tc::secs(5400))
        .l1_ttl(__tc::secs(30))
        .none_ttl(__tc::millis(1500))
        .version(2)
        .cache("profiles")
        .codec(::tiercache::Codec::Json)
        .write_mode(::tiercache::WriteMode::Behind);
    static __TC: __tc::Site = __tc::Site::new(
            "shop:user-profile",
            "profile_of",
            __TC_POLICY,
        )
        .id("shop.profile_of");
    let _ = __tc::Returns::<Found<UserProfile>>::NEW.shape().of::<UserProfile>();
    __TC.address(|| {}, &[]).part(&tenant.id).part(&&name.0).entry()
}
