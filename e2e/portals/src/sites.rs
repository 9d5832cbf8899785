//! The five sites. Each has its own markup, style and behaviour.

mod evotel;
mod lightlink;
mod metrofibre;
mod octotel;
mod openserve;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::portal::Origin;
use crate::web::front_door;
use crate::world::Portals;

/// The pages of one origin.
pub fn router(origin: Origin, portals: Arc<Portals>) -> Router {
    let router = match origin {
        Origin::Octotel => octotel::router(),
        Origin::OctotelLogin => octotel::login_router(),
        Origin::Openserve => openserve::router(),
        Origin::OpenserveLogin => openserve::login_router(),
        Origin::Metrofibre => metrofibre::router(),
        Origin::Evotel => evotel::router(),
        Origin::Lightlink => lightlink::router(),
    };
    let door = from_fn_with_state((Arc::clone(&portals), origin.portal()), front_door);
    router.with_state(portals).layer(door)
}
