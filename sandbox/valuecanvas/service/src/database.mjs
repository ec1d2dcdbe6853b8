import { createRequire } from 'node:module'
import { log } from './log.mjs'

// Not `import`: only `require` looks into NODE_PATH, where the image keeps its packages.
const { Pool } = createRequire(import.meta.url)('pg')

export function openPool(connectionString) {
  if (!connectionString) throw new Error('DATABASE_URL is not set')
  const pool = new Pool({
    connectionString,
    max: 4,
    connectionTimeoutMillis: 5_000,
    application_name: 'valuecanvas-api',
  })
  pool.on('error', (error) => log('warn', 'idle database connection lost', { error: error.message }))
  return pool
}

export async function transaction(pool, work) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}
