//! The Lua scripts. In a cluster each touches keys of one node, of one person, or one bucket only: see `keys.rs`. Where one
//! server holds everything, some of them do for many at once what takes a round trip each in a cluster.

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::{FredResult, LuaInterface},
    types::{FromValue, MultipleKeys, MultipleValues, scripts::Script},
};
use std::sync::LazyLock;

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::from_lua(include_str!($file)));)*
    };
}

scripts! {
    BURY = "lua/bury.lua";
    CLAIM = "lua/claim.lua";
    FORGET = "lua/forget.lua";
    PEOPLE = "lua/people.lua";
    PUBLISH = "lua/publish.lua";
    REGISTER = "lua/register.lua";
    RENEW = "lua/renew.lua";
    TAKE = "lua/take.lua";
    WHEREABOUTS = "lua/whereabouts.lua";
}

/// Runs a script on the server that holds its keys.
///
/// The text is sent where that server doesn't know the script yet, and to another server of a cluster if the keys have
/// moved there: both say that nothing was run. It is loaded nowhere else, so a cluster may be without one of its servers.
pub(super) async fn run<R, K, V>(script: &Script, client: &Client, keys: K, args: V) -> FredResult<R>
where
    R: FromValue,
    K: Into<MultipleKeys>,
    V: TryInto<MultipleValues>,
    V::Error: Into<Error>,
{
    let keys = keys.into();
    let args = args.try_into().map_err(Into::into)?;
    match client.evalsha(script.sha1().clone(), keys.clone(), args.clone()).await {
        Err(cause) if is_elsewhere(&cause) || cause.details().starts_with("NOSCRIPT") => {
            client.eval(script.lua().cloned().unwrap_or_default(), keys, args).await
        }
        answer => answer,
    }
}

/// Whether a server of a cluster answered that another is to be asked. The client has looked up which by then.
pub(super) fn is_elsewhere(cause: &Error) -> bool {
    *cause.kind() == ErrorKind::Routing
}
