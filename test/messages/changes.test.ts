import { describe, expect, it } from 'vitest'
import { changesChapters, commitLines, commitsInShort } from '../../src/messages/plan/changes.ts'
import { rendered } from '../../src/messages/plan/plan-sections.ts'
import type { PlannedChanges } from '../../src/model/planned-changes.ts'

const commit = (at: number) => ({ sha: String(at).repeat(40).slice(0, 40), subject: `Change ${at}`, author: 'Dana' })
const known: Extract<PlannedChanges, { known: true }> = {
  known: true,
  from: 'a'.repeat(40),
  readFrom: 'image',
  ahead: 3,
  behind: 0,
  commits: [1, 2, 3].map(commit),
  files: 212,
  paths: { matching: 2, matched: ['src/billing/a.ts', 'src/billing/b.ts'] },
  compareUrl: 'https://github.com/acme/api/compare/a...b',
}

describe('the commits that a plan lists', () => {
  it.each<[PlannedChanges, string]>([
    [known, '3 commits'],
    [
      { ...known, ahead: 1, behind: 2 },
      "the running version (aaaaaaa) isn't an ancestor: 2 commits only there, 1 only here",
    ],
    [{ ...known, ahead: 0, behind: 0, files: 0, paths: { matching: 0, matched: [] } }, 'the same commit'],
    [{ known: false, why: 'running_commit_unknown' }, "commits couldn't be listed"],
  ])('in short: %#', (changes, words) => {
    expect(commitsInShort(changes)).toBe(words)
  })

  it.each<[PlannedChanges, string]>([
    [
      { known: false, why: 'not_compared', because: 'comparing what runs with the new version: git exited 128' },
      "couldn't be listed: comparing what runs with the new version: git exited 128",
    ],
    [
      { known: false, why: 'running_commit_unknown' },
      "couldn't be listed: neither the running image nor a tag says which commit it is",
    ],
    [
      { known: false, why: 'not_in_repository', commit: 'dead'.repeat(10) },
      "couldn't be listed: the repository has no commit deaddeaddead, which the running image names",
    ],
  ])('say why they could not be listed: %#', (changes, words) => {
    expect(changesChapters(changes)).toEqual([{ title: 'New commits', lines: [words] }])
  })

  it('counts what a list has no room for', () => {
    expect(commitLines({ ...known, ahead: 40 }, 2)).toEqual([
      '1111111 Change 1 – Dana',
      '2222222 Change 2 – Dana',
      '… and 38 older',
    ])
  })

  it('says what was compared, and links to the difference', () => {
    const [commits, files] = changesChapters(known)
    expect(commits).toMatchObject({
      title: 'New commits (3)',
      lines: expect.arrayContaining([
        'compared with aaaaaaa, running now (from its image)',
        '212 files changed',
      ]) as string[],
      link: { label: 'Compare on github.com' },
    })
    expect(files).toEqual({
      title: 'Changed files under service.paths (2 of 212)',
      lines: ['src/billing/a.ts', 'src/billing/b.ts'],
    })
  })

  it('says none only after having looked', () => {
    const [none] = changesChapters({ ...known, ahead: 0, commits: [] })
    expect(none?.lines).toContain('none')
    expect(changesChapters({ known: false, why: 'running_commit_unknown' })[0]?.lines).not.toContain('none')
    expect(changesChapters(undefined)).toEqual([])
  })

  it('lets a subject keep to its line', () => {
    const hostile = {
      ...known,
      commits: [{ sha: 'f'.repeat(40), subject: `one\ntwo ${'y'.repeat(400)}`, author: '' }],
      ahead: 1,
    }
    const [line = ''] = commitLines(hostile, 5)
    expect(line).not.toContain('\n')
    expect(line.length).toBeLessThan(170)
    expect(line).toContain('unknown author')
  })

  it('are text and nothing else: nobody is mentioned, and no mark is read', () => {
    const subject = '<!channel> <@U01ALEX00> *bold* `code` <https://evil.example|here>'
    const [chapter] = changesChapters({
      ...known,
      commits: [{ sha: 'f'.repeat(40), subject, author: '<!here>' }],
      ahead: 1,
    })
    const blocks = JSON.stringify(rendered(chapter ?? { title: '', lines: [] }, { chars: 2_000, rest: '' }))
    expect(blocks).toContain(`{"type":"text","text":"fffffff ${subject} – <!here>"}`)
    expect(blocks).not.toMatch(/"type":"(?:broadcast|user|mrkdwn)"/)
  })
})
