

mod architecture;
mod brain;
mod config;
mod normalize;
mod oracle;
mod standard;
mod store;
mod validate;
