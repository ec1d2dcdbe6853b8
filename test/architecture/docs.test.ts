import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { deployPhases } from '../../src/model/phases.ts'
import { filesBelow, root, textOf } from './documents.ts'

const pages = filesBelow('.', '.md')

/** What is between fences is quoted, not said: it links to nothing. */
function prose(page: string): string {
  return textOf(page).replace(/^( *)```[\s\S]*?^\1```$/gm, '')
}

interface Link {
  /** From the root of the repository. */
  readonly file: string
  readonly anchor: string | undefined
}

function linksOf(page: string): readonly Link[] {
  const text = prose(page).replace(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)|\b(?:src|href)="([^"]+)"/g)]
    .map(([, markdown, html]) => markdown ?? html ?? '')
    .filter((target) => !/^[a-z]+:/i.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#')
      return { file: path === '' ? page : normalize(join(dirname(page), path)).replace(/\/$/, ''), anchor }
    })
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): readonly string[] {
  return [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function isThere(path: string): boolean {
  return existsSync(join(root, path))
}

describe('every page', () => {
  it.each(pages)('%s links to what there is', (page) => {
    const broken = linksOf(page).filter(({ file, anchor }) => {
      if (!isThere(file)) return true
      return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor)
    })
    expect(broken).toEqual([])
  })

  // The changelog tells of what was, too.
  it.each(pages.filter((page) => page !== 'CHANGELOG.md'))('%s names files that there are', (page) => {
    const named = [...prose(page).matchAll(/`((?:src|test|sandbox|scripts|bench|deploy|docs)\/[\w./-]+)`/g)]
      .map(([, path = '']) => path)
      // `src/runbook/NAME/NAME.ts` stands for many.
      .filter((path) => !/\b(NAME|KIND)\b/.test(path))
    expect(named.filter((path) => !isThere(path))).toEqual([])
  })

  it.each(pages)('%s has no table that is padded wider than a screen', (page) => {
    const padded = prose(page)
      .split('\n')
      .filter((line) => line.startsWith('|') && line.length > 120 && / {6}|-{20}/.test(line))
    expect(padded).toEqual([])
  })
})

it('the README fits on one page', () => {
  expect(Buffer.byteLength(textOf('README.md'))).toBeLessThanOrEqual(6_000)
})

it.each(deployPhases.map(({ name }) => name))('docs/deploy.md says what the phase %s does', (name) => {
  expect(textOf('docs/deploy.md')).toMatch(new RegExp(`^\\d+\\. \\*\\*\`${name}\`\\*\\*`, 'm'))
})

it('every page of docs is reached from docs/README.md', () => {
  const reached = new Set(['docs/README.md'])
  for (const page of reached)
    for (const { file } of linksOf(page)) if (file.startsWith('docs/') && file.endsWith('.md')) reached.add(file)
  expect(pages.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([])
})

it('programs and manifests send their readers to pages that there are', () => {
  const files = ['src', 'deploy', 'scripts', 'bench'].flatMap((folder) =>
    ['.ts', '.mjs', '.yaml'].flatMap((ending) => filesBelow(folder, ending)),
  )
  const named = files.flatMap((file) =>
    [...textOf(file).matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(([page]) => ({ file, page })),
  )
  expect(named.length).toBeGreaterThan(3)
  expect(named.filter(({ page }) => !isThere(page))).toEqual([])
})

describe('decisions', () => {
  const decisions = readdirSync(join(root, 'docs/decisions')).filter((name) => name !== 'README.md')

  it('are numbered without a gap', () => {
    const numbers = decisions.toSorted().map((name) => Number(name.slice(0, 4)))
    expect(numbers).toEqual(decisions.map((_, index) => index + 1))
  })

  it.each(decisions)('%s has number, date, status, context, decision and consequences', (name) => {
    const page = textOf(`docs/decisions/${name}`)
    expect(page).toMatch(
      new RegExp(
        `^# ${Number(name.slice(0, 4))}\\. .+\\n\\nDate: \\d{4}-\\d\\d-\\d\\d\\nStatus: .+\\n\\n` +
          '## Context\\n[\\s\\S]+\\n## Decision\\n[\\s\\S]+\\n## Consequences\\n[\\s\\S]+$',
      ),
    )
  })
})
