import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/postgres/database.ts'
import { Sensitive } from '../../src/sensitive.ts'
import { databaseContract } from '../contract/database.ts'

databaseContract('the service database through pg', (url) => openDatabase({ url: new Sensitive(url) }))

it('can be aborted while it waits for a server that accepts and says nothing', async () => {
  const sockets: Socket[] = []
  const mute = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  try {
    const { port } = mute.address() as AddressInfo
    const cancel = new AbortController()
    const reason = new Error('cancelled by Dana')
    const reading = openDatabase({ url: new Sensitive(`postgresql://u:p@127.0.0.1:${port}/app`) }).ledger(cancel.signal)
    await once(mute, 'connection')
    const aborted = performance.now()
    cancel.abort(reason)
    await expect(reading).rejects.toBe(reason)
    expect(performance.now() - aborted).toBeLessThan(5_000)
  } finally {
    for (const socket of sockets) socket.destroy()
    mute.close()
  }
})

it('refuses an address that is none, without repeating it', async () => {
  const error: unknown = await openDatabase({ url: new Sensitive('postgresql://u:hunter2@[bad/app') })
    .ledger(new AbortController().signal)
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'database_address' })
  expect(JSON.stringify(error) + String(error)).not.toContain('hunter2')
})
