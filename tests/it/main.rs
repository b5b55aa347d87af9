mod brain;
mod sample;
