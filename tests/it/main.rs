mod architecture;
mod brain;
mod config;
mod sources;
