import { describe, expect, it } from 'vitest'
import { compareUrl } from '../../src/model/compare-url.ts'

const [from, to] = ['a'.repeat(40), 'b'.repeat(40)]
const short = (url: string | undefined) => url?.replace(from, 'A').replace(to, 'B')

describe('the page that compares two commits', () => {
  it.each([
    ['https://github.com/acme/api.git', 'https://github.com/acme/api/compare/A...B'],
    ['https://github.com/acme/api', 'https://github.com/acme/api/compare/A...B'],
    ['https://github.com/acme/api/', 'https://github.com/acme/api/compare/A...B'],
    ['git@github.com:acme/api.git', 'https://github.com/acme/api/compare/A...B'],
    ['ssh://git@github.com:22/acme/api.git', 'https://github.com/acme/api/compare/A...B'],
    ['ssh://git@ssh.github.com:443/acme/api.git', 'https://github.com/acme/api/compare/A...B'],
    ['ssh://git@altssh.bitbucket.org:443/team/api.git', 'https://bitbucket.org/team/api/branches/compare/B%0DA'],
    ['git+ssh://git@github.com/acme/api', 'https://github.com/acme/api/compare/A...B'],
    ['https://GitHub.com/acme/api', 'https://github.com/acme/api/compare/A...B'],
    ['https://github.example.com/acme/api', 'https://github.example.com/acme/api/compare/A...B'],
    ['https://gitlab.com/group/sub/deep/api.git', 'https://gitlab.com/group/sub/deep/api/-/compare/A...B'],
    ['git@gitlab.example.com:group/sub/api.git', 'https://gitlab.example.com/group/sub/api/-/compare/A...B'],
    ['https://gitlab.example.com:8443/g/api.git', 'https://gitlab.example.com:8443/g/api/-/compare/A...B'],
    ['https://bitbucket.org/team/api.git', 'https://bitbucket.org/team/api/branches/compare/B%0DA'],
    ['https://codeberg.org/acme/api.git', 'https://codeberg.org/acme/api/compare/A...B'],
    ['https://gitea.example.com/acme/api.git', 'https://gitea.example.com/acme/api/compare/A...B'],
    ['http://forgejo.internal:3000/acme/api.git', 'http://forgejo.internal:3000/acme/api/compare/A...B'],
    ['https://github.com/acme/na%20me', 'https://github.com/acme/na%20me/compare/A...B'],
    ['https://someone:secret@github.com/acme/api.git', 'https://github.com/acme/api/compare/A...B'],
  ])('%s', (repository, url) => {
    expect(short(compareUrl(repository, from, to))).toBe(url)
  })

  it.each([
    ['https://git.example.com/scm/BIL/api.git', 'https://git.example.com/projects/BIL/repos/api'],
    ['https://git.example.com/bitbucket/scm/BIL/api.git', 'https://git.example.com/bitbucket/projects/BIL/repos/api'],
    ['ssh://git@git.example.com:7999/BIL/api.git', 'https://git.example.com/projects/BIL/repos/api'],
    ['https://git.example.com/scm/~dana/api.git', 'https://git.example.com/users/dana/repos/api'],
  ])('%s, a Bitbucket server', (repository, at) => {
    const url = compareUrl(repository, from, to, 'bitbucket-server')
    expect(short(url)).toBe(`${at}/compare/commits?sourceBranch=B&targetBranch=A`)
  })

  it('is known for a host of any name once purser.yaml tells its kind', () => {
    expect(short(compareUrl('git@code.example.com:acme/api.git', from, to))).toBeUndefined()
    expect(short(compareUrl('git@code.example.com:acme/api.git', from, to, 'gitea'))).toBe(
      'https://code.example.com/acme/api/compare/A...B',
    )
  })

  it.each([
    '/srv/git/api.git',
    'file:///srv/api.git',
    '../api',
    'https://example.com/acme/api',
    'https://github.com/api',
    'C:\\api',
    '',
  ])('is not guessed for %j', (repository) => expect(compareUrl(repository, from, to)).toBeUndefined())
})
