// `npm run bench [runs] [seconds]` measures deliveries, `npm run bench -- ingest [rounds] [seconds]` durable ingest,
// `npm run bench -- recovery [rounds]` restarts after a kill, `npm run bench -- history [millions]` questions,
// `npm run bench -- replays [replays] [messages]` many replays beside live traffic. Each is a module that measures when it
// is loaded.

if (process.argv[2] === 'ingest') await import('./ingest/run.ts')
else if (process.argv[2] === 'replays') await import('./replays/run.ts')
else if (process.argv[2] === 'recovery') await import('./recovery.ts')
else if (process.argv[2] === 'history') await import('./history.ts')
else await import('./deliveries.ts')
