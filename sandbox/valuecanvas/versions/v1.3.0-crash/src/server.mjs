import { setTimeout as sleep } from 'node:timers/promises'
import { log } from './log.mjs'

log('info', 'PlanEnforcement middleware loaded')
await sleep(200)
log('error', 'invalid plan catalogue', { file: 'plans.json', error: 'plan "team" has no price' })
throw new Error('PlanCatalogueError: plan "team" has no price (plans.json:14)')
