/** The longest delay, in ms, that host timers keep: beyond it they fire at once. */
export const LONGEST_DELAY: number = 2 ** 31 - 1;
