import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { misses } from './judge.ts'
import { played, saidIn } from './player.ts'
import { scenes } from './scenes.ts'
import { openTheatre, type Theatre } from './stage.ts'
import { tableOf } from './table.ts'

/**
 * A scene takes from some seconds to a minute: an ordinary run plays one, `PURSER_SCENE=B2` that one, `PURSER_SCENE=A8,B2` these, and
 * `PURSER_SCENE=every` all.
 */
const wanted = process.env['PURSER_SCENE'] ?? 'A5'
const toPlay = scenes.filter(({ id }) => wanted === 'every' || wanted.split(',').includes(id))
if (toPlay.length === 0) throw new Error(`there is no scene ${wanted}: ${scenes.map(({ id }) => id).join(', ')}`)

describe(`Stripe as it is, scene by scene (PURSER_SCENE=${wanted})`, () => {
  let theatre: Theatre
  beforeAll(async () => {
    theatre = await openTheatre({ monitorSeconds: 2, retriesFasterBy: 1 })
  }, 900_000)
  afterAll(() => theatre.close())

  it.each(toPlay)(
    '$id $name',
    async (scene) => {
      const seen = await played(theatre, scene)
      expect(misses(scene, seen), saidIn(seen)).toEqual([])
    },
    360_000,
  )
})

it('docs/stripe-scenes.md is the table that is played', async () => {
  const page = await readFile(new URL('../../../docs/stripe-scenes.md', import.meta.url), 'utf8')
  expect(page).toBe(tableOf(scenes))
})
