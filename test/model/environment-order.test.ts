import { expect, it } from 'vitest'
import { type EarlierDeploy, whyUnproven } from '../../src/model/environment-order.ts'

const wanted = { version: 'v1.2.0', commit: 'a'.repeat(40), image: 'api@sha256:1' }
const done: EarlierDeploy = { run: 7, ...wanted, rolledBackBy: undefined }

it.each<
  [
    string,
    Partial<Omit<typeof wanted, 'image'>> & { image?: string | undefined },
    readonly EarlierDeploy[],
    object | undefined,
  ]
>([
  ['what has succeeded there and stands may come', {}, [done], undefined],
  ['what nobody deployed there may not', {}, [], { reason: 'never_deployed' }],
  ['another version there does not help', {}, [{ ...done, version: 'v1.1.0' }], { reason: 'never_deployed' }],
  ['nor one that was rolled back', {}, [{ ...done, rolledBackBy: 9 }], { reason: 'rolled_back', run: 7, by: 9 }],
  [
    'an earlier success does not help one that was rolled back',
    {},
    [{ ...done, run: 8, rolledBackBy: 9 }, done],
    { reason: 'rolled_back', run: 8, by: 9 },
  ],
  ['a moved tag may not', { commit: 'b'.repeat(40) }, [done], { reason: 'other_commit', run: 7, commit: done.commit }],
  [
    'another image may not',
    { image: 'api@sha256:2' },
    [done],
    { reason: 'other_image', run: 7, image: 'api@sha256:1' },
  ],
  ['an image that is still to be built may not', { image: undefined }, [done], { reason: 'image_to_be_built' }],
])('%s', (_, more, deploys, unproven) => {
  expect(whyUnproven({ ...wanted, ...more }, deploys)).toEqual(unproven)
})
