mod architecture;
mod brain;
mod cli;
mod config;
