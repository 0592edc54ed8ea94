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
    const __TC_POLICY: ::tiercache::Policy = ::tiercache::Policy::new()
        .ttl(::core::time::Duration::from_secs(5400))
        .l1_ttl(::core::time::Duration::from_secs(30))
        .none_ttl(::core::time::Duration::from_millis(1500))
        .version(2)
        .cache("profiles")
        .codec(::tiercache::Codec::Json);
    static __TC_SITE: __tc::Site = __tc::Site::new(
            "shop:user-profile",
            "profile_of",
            __TC_POLICY,
        )
        .id("shop.profile_of");
    let __shape = __tc::Returns::<Found<UserProfile>>::NEW.shape();
    let __call = match __TC_SITE
        .call(|| {}, &[], __shape)
        .part(&tenant.id)
        .part(&&name.0)
        .look()
    {
        __tc::Look::Hit(hit) => return hit,
        __tc::Look::Miss(call) => call,
    };
    let __body = async move {
        if let ::core::option::Option::Some(ret) = ::core::option::Option::None::<
            Found<UserProfile>,
        > {
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
    const __TC_POLICY: ::tiercache::Policy = ::tiercache::Policy::new()
        .ttl(::core::time::Duration::from_secs(5400))
        .l1_ttl(::core::time::Duration::from_secs(30))
        .none_ttl(::core::time::Duration::from_millis(1500))
        .version(2)
        .cache("profiles")
        .codec(::tiercache::Codec::Json);
    static __TC_SITE: __tc::Site = __tc::Site::new(
            "shop:user-profile",
            "profile_of",
            __TC_POLICY,
        )
        .id("shop.profile_of");
    let _ = __tc::Returns::<Found<UserProfile>>::NEW.shape().of::<UserProfile>();
    __TC_SITE.address::<UserProfile>(|| {}, &[]).part(&tenant.id).part(&&name.0).entry()
}
