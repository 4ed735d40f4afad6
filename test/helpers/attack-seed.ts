/** The seed of this run's random tests: `FOYER_TEST_SEED`, to repeat one, else a new one. Tests name it in their titles. */
export const seed = Number(process.env.FOYER_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
