/** Whether this run is one in between: `python3 run.py test --quick`. What searches for long does so in the default run. */

export const QUICK = process.env.GATEPASS_QUICK === "1";
