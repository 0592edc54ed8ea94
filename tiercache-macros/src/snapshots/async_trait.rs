#[allow(clippy::type_complexity)]
fn find<'life0, 'life1, 'async_trait>(
    &'life0 self,
    name: &'life1 str,
) -> ::core::pin::Pin<
    Box<
        dyn ::core::future::Future<
            Output = Result<User, Error>,
        > + ::core::marker::Send + 'async_trait,
    >,
>
where
    'life0: 'async_trait,
    'life1: 'async_trait,
    Self: 'async_trait,
{
    Box::pin(async move {
        use ::tiercache::__private as __tc;
        const __TC_POLICY: __tc::Policy = __tc::Policy::new().ttl(__tc::secs(60));
        static __TC: __tc::Site = __tc::Site::new("find", "find", __TC_POLICY);
        let __shape = __tc::Returns::<Result<User, Error>>::NEW.shape();
        let __call = match __TC.call(|| {}, &[], __shape).part(&name).look() {
            __tc::Look::Hit(hit) => return hit,
            __tc::Look::Miss(call) => call,
        };
        let __body = async move {
            if let ::core::option::Option::Some(ret) = __tc::none(__shape) {
                return ret;
            }
            if let ::core::option::Option::Some(__ret) = ::core::option::Option::None::<
                Result<User, Error>,
            > {
                #[allow(unreachable_code)] return __ret;
            }
            let __self = self;
            let __ret: Result<User, Error> = { __self.query(name).await };
            #[allow(unreachable_code)] __ret
        };
        __call.load(::core::pin::pin!(__body)).await
    })
}
