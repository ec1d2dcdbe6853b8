import { expect, it } from 'vitest'
import { rightsIn } from '../../src/adapters/postgres/restores/archived-roles.ts'
import { selectContents } from '../../src/adapters/postgres/restores/in-place/archive-contents.ts'
import { markIn, markOf } from '../../src/adapters/postgres/restores/swap/swap.ts'

const existing = {
  schemas: ['public', 'my s'],
  extensions: ['pg_cron'],
  others: ['changes', 'USER MAPPING app SERVER far', 'CAST (integer AS xml)', 'far'],
  extensionRelations: ['cron job', 'cron jobid_seq'],
  publishedSchemas: ['my s changes my s'],
}

it.each([
  ['5; 2615 2200 SCHEMA - public pg_database_owner'],
  ['2; 3079 16412 EXTENSION - pg_cron '],
  ['3373; 0 0 COMMENT - EXTENSION pg_cron '],
  ['3035; 2605 16522 CAST - CAST (integer AS xml) '],
  ['3375; 0 0 USER MAPPING - USER MAPPING app SERVER far postgres'],
  ['2124; 1417 16520 SERVER - far postgres'],
  ['3356; 6104 16517 PUBLICATION - changes postgres'],
  ['3361; 6237 16525 PUBLICATION TABLES IN SCHEMA my s changes my s postgres'],
  ['3364; 0 16527 TABLE DATA cron job postgres'],
  ['3376; 0 0 SEQUENCE SET cron jobid_seq postgres'],
  ['3377; 826 16390 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres'],
])('leaves out of a restore in place what stays: %s', (line) => {
  expect(selectContents([line], existing).list.trim()).toBe('')
})

it.each([
  ['7; 2615 16523 SCHEMA - billing postgres'],
  ['3375; 0 0 USER MAPPING - USER MAPPING other SERVER far postgres'],
  ['3359; 6106 16532 PUBLICATION TABLE public changes t postgres'],
  ['3361; 6237 16525 PUBLICATION TABLES IN SCHEMA billing changes billing postgres'],
  ['3364; 0 16527 TABLE DATA cron jobs postgres'],
  ['216; 1259 16409 TABLE cron job postgres'],
  ['3035; 2605 16522 CAST - CAST (integer AS public.mood) '],
])('takes what has gone: %s', (line) => {
  expect(selectContents([line], existing).list).toBe(`${line}\n`)
})

it('takes large objects apart, in the words of every major', () => {
  const large = [
    '3359; 2613 4242 BLOB - 4242 postgres',
    '3359; 2613 4242 BLOB METADATA - 4242..4250 postgres',
    '3360; 0 0 ACL - LARGE OBJECT 4242 postgres',
    '3360; 0 0 ACL - LARGE OBJECTS 4242..4250 postgres',
    '3361; 0 0 BLOBS - BLOBS ',
    '3361; 0 0 BLOBS - 4242..4250 postgres',
  ]
  const { list, largeObjects } = selectContents(['216; 1259 16409 TABLE public t postgres', ...large], existing)
  expect(list).toBe('216; 1259 16409 TABLE public t postgres\n')
  expect(largeObjects).toBe(`${large.join('\n')}\n`)
})

it('reads the rights that a manifest has, whatever roles are called', () => {
  expect(rightsIn('"r: e; x": usage*; app: select, update*; public: usage')).toEqual([
    { role: '"r: e; x"', rights: ['usage*'] },
    { role: 'app', rights: ['select', 'update*'] },
    { role: 'public', rights: ['usage'] },
  ])
  expect(rightsIn('')).toEqual([])
})

it('knows a prepared database by its mark, also by that of an earlier version, and people’s comments for theirs', () => {
  const sha256 = 'a'.repeat(64)
  expect(markIn(markOf('b.dump', sha256, 12))).toEqual({ sha256, milliseconds: 12 })
  expect(markIn(`purser: restored b.dump ${sha256} in 12 ms`)).toEqual({ sha256, milliseconds: 12 })
  expect(markIn('purser: restored by hand')).toBeUndefined()
})
