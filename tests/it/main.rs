mod brain;
