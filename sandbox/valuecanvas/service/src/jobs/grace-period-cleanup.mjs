import { openPool } from '../database.mjs'
import { log } from '../log.mjs'

const pool = openPool(process.env.DATABASE_URL)
const { rowCount } = await pool.query(
  'update grace_periods set resolved_at = now() where expires_at <= now() and resolved_at is null',
)
log('info', 'billing grace period cleanup finished', { expired: rowCount })
await pool.end()
