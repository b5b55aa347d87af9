mod architecture;
mod brain;
mod config;
