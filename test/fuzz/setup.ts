import fc from 'fast-check'

// `npm run fuzz` says how often a property is tried that says nothing itself.
fc.configureGlobal({ numRuns: Number(process.env['PURSER_FUZZ_RUNS']) })
