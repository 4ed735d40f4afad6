/** Seconds that a token lives unless its request says. */
export const EXPIRES_IN = 3600
/** Ten years. */
export const LONGEST = 315_360_000
