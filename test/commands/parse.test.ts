import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../fuzz/runs.ts'
import { parseCommand } from '../../src/commands/grammar.ts'

const environments = ['production', 'staging']
const parse = (text: string) => parseCommand(text, environments)

describe('what is understood', () => {
  it.each<[string, { readonly name: string; readonly [argument: string]: unknown }]>([
    ['deploy v1.2.0', { name: 'deploy', version: 'v1.2.0', environment: undefined, dryRun: false }],
    ['deploy 1.2.0 staging', { name: 'deploy', version: '1.2.0', environment: 'staging', dryRun: false }],
    ['  DEPLOY   v1.2.0   --dry-run ', { name: 'deploy', version: 'v1.2.0', environment: undefined, dryRun: true }],
    [
      'deploy v1.2.0 --rotate-secret',
      { name: 'deploy', version: 'v1.2.0', environment: undefined, dryRun: false, rotateSecret: true },
    ],
    ['deploy --dry-run v1.2.0 staging', { name: 'deploy', version: 'v1.2.0', environment: 'staging', dryRun: true }],
    ['deploy', { name: 'deploy', version: undefined, environment: undefined, dryRun: false }],
    ['plan staging', { name: 'plan', version: undefined, environment: 'staging' }],
    ['lock', { name: 'lock', lockWords: undefined }],
    ['deploy v1.3.0-badimage', { name: 'deploy', version: 'v1.3.0-badimage', environment: undefined, dryRun: false }],
    ['plan v2.0.0-rc.1', { name: 'plan', version: 'v2.0.0-rc.1', environment: undefined }],
    ['verify', { name: 'verify', environment: undefined }],
    ['verify staging', { name: 'verify', environment: 'staging' }],
    ['diagnose', { name: 'diagnose', subject: undefined, environment: undefined }],
    ['diagnose staging', { name: 'diagnose', subject: undefined, environment: 'staging' }],
    ['diagnose Webhook', { name: 'diagnose', subject: 'webhook', cronJob: undefined, environment: undefined }],
    ['diagnose cronjob staging', { name: 'diagnose', subject: 'cronjob', cronJob: undefined, environment: 'staging' }],
    [
      'diagnose cronjob webhook-retry staging',
      { name: 'diagnose', subject: 'cronjob', cronJob: 'webhook-retry', environment: 'staging' },
    ],
    [
      'diagnose grace-period',
      { name: 'diagnose', subject: 'grace-period', cronJob: undefined, environment: undefined },
    ],
    ['status', { name: 'status', run: undefined }],
    ['status #42', { name: 'status', run: 42 }],
    ['rollback 42', { name: 'rollback', run: 42, revision: undefined }],
    ['rollback #42 --to-revision 3', { name: 'rollback', run: 42, revision: 3 }],
    ['rollback —to-revision=3', { name: 'rollback', run: undefined, revision: 3 }],
    ['retry', { name: 'retry', run: undefined }],
    ['cancel #7', { name: 'cancel', run: 7 }],
    ['history', { name: 'history', run: undefined }],
    ['lock  release party:  do not touch ', { name: 'lock', lockWords: '  release party:  do not touch' }],
    ['unlock staging', { name: 'unlock', environment: 'staging' }],
    ['backups', { name: 'backups', environment: undefined }],
    ['restore', { name: 'restore', backup: undefined, environment: undefined }],
    ['restore staging', { name: 'restore', backup: undefined, environment: 'staging' }],
    ['restore #42 staging', { name: 'restore', backup: '#42', environment: 'staging' }],
    [
      'restore backup_20261122_081530_production_run42.dump',
      { name: 'restore', backup: 'backup_20261122_081530_production_run42.dump', environment: undefined },
    ],
    ['help', { name: 'help' }],
    ['help deploy --now', { name: 'help' }],
    ['', { name: 'help' }],
  ])('%s', (text, { name, ...asked }) => {
    expect(parse(text)).toMatchObject({ ok: true, name, asked })
  })
})

describe('what is read as it looks', () => {
  const deploy = { name: 'deploy', asked: { version: 'v1.2.0', environment: 'staging', dryRun: true } }
  it.each([
    'deploy V1.2.0 Staging --Dry-Run',
    'deploy “v1.2.0” ‘staging’ --dry-run',
    'deploy "v1.2.0" \'staging\' —dry-run',
    'deploy „v1.2.0“ «staging» –dry-run',
    '“deploy v1.2.0 staging --dry-run”',
    '`deploy v1.2.0 staging --dry-run`',
    'deploy `v1.2.0` *staging* --dry-run',
    'deploy _v1.2.0_ ~staging~ −−dry−run',
    '```deploy v1.2.0 staging --dry-run```',
    'deploy v1.2.0. staging, --dry-run.',
    'deploy (v1.2.0) [staging] --dry-run!',
    'deploy\u00a0v1.2.0\u202fstaging\u3000--dry-run',
    '\u200bdeploy v1.2.0\u200b staging\ufeff --dry-run',
    '\u2060 deploy \u200e v1.2.0 staging --dry-run',
    'deploy v1.\u00ad2.0 sta\u200bging --dry-run',
    'ｄｅｐｌｏｙ ｖ１．２．０ staging －－dry-run',
    'deploy v１.２.０ staging ――dry‑run',
    'deploy <http://v1.2.0|v1.2.0> staging --dry-run',
    'deploy <https://v1.2.0> <http://staging|staging> --dry-run',
    '<http://deploy|deploy> v1.2.0 staging --dry-run',
    '/billing deploy v1.2.0 staging --dry-run',
    'Deploy, v1.2.0 staging --dry-run',
    'deploy: v1.2.0 staging --dry-run',
  ])('%j', (text) => {
    expect(parse(text)).toMatchObject({ ok: true, ...deploy })
  })

  it.each<[string, string, object]>([
    ['status #４２', 'status', { run: 42 }],
    ['status # 42.', 'status', { run: 42 }],
    ['rollback “#42” —to-revision “3”', 'rollback', { run: 42, revision: 3 }],
    ['diagnose “Grace-Period”.', 'diagnose', { subject: 'grace-period' }],
    ['diagnose cronjob `webhook‑retry`', 'diagnose', { cronJob: 'webhook-retry' }],
    ['deploy v1.3.0–rc.1', 'deploy', { version: 'v1.3.0-rc.1' }],
    [
      'restore `backup_20261122_081530_production_run42.dump`',
      'restore',
      { backup: 'backup_20261122_081530_production_run42.dump' },
    ],
    ['help?', 'help', {}],
    // A reason is for others to read, so it stays as it was typed.
    [
      'deploy v1.2.0 —override-freeze “Black Friday” — <https://a.example|agreed>.',
      'deploy',
      { overrideFreeze: '“Black Friday” — <https://a.example|agreed>.' },
    ],
    ['lock “audit”, do not touch.', 'lock', { lockWords: ' “audit”, do not touch.' }],
  ])('%j', (text, name, asked) => {
    expect(parse(text)).toMatchObject({ ok: true, name, asked })
  })
})

describe('the extra word is named as the extra one', () => {
  it.each([
    ['deploy v1.2.0 to staging', "Didn't expect to."],
    ['deploy please v1.2.0', "Didn't expect please."],
    ['deploy version v1.2.0 staging', "Didn't expect version."],
    ['deploy v1.2.0 staging now', "Didn't expect now."],
    ['deploy v1.2.0 on “staging” --dry-run', "Didn't expect on."],
    ['deploy v1.2.0 v1.3.0', 'Unknown environment v1.3.0.'],
    ['verify on staging', "Didn't expect on."],
    ['status of #42', "Didn't expect of."],
    ['restore backup #42 staging', "Didn't expect backup."],
    ['rollback run #42 --to-revision 3', "Didn't expect run."],
    ['diagnose the webhook', "Didn't expect the."],
    // A single word that is wrong where it stands is told as that.
    ['deploy v1.2.0 stagin', 'Unknown environment stagin. Did you mean staging?'],
    ['deploy v1.2', "v1.2 isn't a version."],
    ['deploy ... staging', "... isn't a version."],
  ])('%s: %s', (text, answer) => {
    expect(parse(text)).toMatchObject({ ok: false, kind: 'wrong', text: expect.stringContaining(answer) })
  })
})

describe('what is refused with one clear answer', () => {
  it.each([
    ['deploy v1.2.0; rm -rf /', "v1.2.0; isn't a version."],
    ['deploy v1.2.0;rm', "v1.2.0;rm isn't a version."],
    ['deploy $(reboot)', "$(reboot) isn't a version."],
    ['restore ../../etc/passwd', "../../etc/passwd isn't a backup."],
    ['restore #42 moon', 'Unknown environment moon.'],
    ['deploy v1.2.0`id`', "isn't a version."],
    ['deploy ../../etc/passwd', "isn't a version."],
    ['diagnose webhok', "Can't diagnose webhok. Did you mean webhook? Available: webhook, cronjob, grace-period."],
    ['diagnose cronjob ../x', "../x isn't the name of a CronJob."],
    ['diagnose webhook moon', 'Unknown environment moon.'],
    ['diagnose grace-period staging now', "Didn't expect now."],
    ['deploy latest', "latest isn't a version. Versions look like v1.2.0"],
    ['deploy main', "main isn't a version."],
    ['deploy v1.2', "v1.2 isn't a version."],
    ['deploy v1.2.0-', "v1.2.0- isn't a version."],
    ['deploy v1.2.0+build', "v1.2.0+build isn't a version."],
    ['deploy v1.2.0-../x', "isn't a version."],
    [`deploy v1.2.0-${'x'.repeat(128)}`, "isn't a version."],
    ['deploy v1.2.0 --force', 'deploy has no option --force.'],
    ['deploy --force v1.2.0', 'deploy has no option --force.'],
    ['deploy v1.2.0 -rf', 'deploy has no option -rf.'],
    ['plan v1.2.0 --dry-run', 'plan has no option --dry-run.'],
    ['deploy --rotate-secret', '--rotate-secret needs a version'],
    ['deploy v1.2.0 prod', 'Unknown environment prod. Did you mean production? Available: production, staging.'],
    // The first word that is wrong is told.
    ['deploy v1.2.0 extra words here', 'Unknown environment extra.'],
    ['deploy v1.2.0 staging now please', "Didn't expect now please."],
    ['verify toString', 'Unknown environment toString.'],
    ['status 4 2', "Didn't expect 2."],
    ['status #0', "#0 isn't a run."],
    ['rollback #4 --to-revision', "That isn't a revision. Revisions have numbers, such as 3."],
    ['rollback #4 --to-revision v1.1.0', "v1.1.0 isn't a revision. Revisions have numbers, such as 3."],
    ['rollback #4 --force', 'rollback has no option --force.'],
    ['rollback --to-revision 3 --to-revision=4', '--to-revision is there twice.'],
    ['verify --force', 'verify has no option --force.'],
    ['rollback v1.1.0', "v1.1.0 isn't a run. Runs have numbers, such as #42."],
    ['cancel -1', "-1 isn't a run."],
    ['retry 99999999999', "isn't a run."],
    ['deploy v1.2.0 --override-freeze', 'Give a reason after --override-freeze'],
    ['promote --override-freeze x', 'Give a reason after --override-freeze'],
  ])('%s', (text, answer) => {
    const parsed = parse(text)
    expect(parsed).toMatchObject({ ok: false, kind: 'wrong', text: expect.stringContaining(answer) })
    expect(parsed).toMatchObject({ usage: expect.stringContaining(`/billing ${text.split(' ')[0]}`) })
  })

  it.each([
    [
      'deplyo v1.2.0',
      'deploy',
      '/billing deploy [VERSION] [ENV] [--dry-run] [--rotate-secret] [--override-freeze REASON]',
    ],
    ['rolback', 'rollback', '/billing rollback [#N] [--to-revision K] [--break-glass]'],
    ['stats', 'status', '/billing status [#N]'],
    ['halp', 'help', '/billing help'],
  ])('%s: did you mean %s?', (text, nearest, usage) => {
    expect(parse(text)).toEqual({ ok: false, kind: 'unknown', typed: text.split(' ')[0], nearest, usage })
  })

  it.each(['constructor', '__proto__', 'hasOwnProperty'])('%s is a word like any other', (text) => {
    expect(parse(text)).toMatchObject({ ok: false, kind: 'unknown' })
  })
})

describe('whatever is typed', () => {
  const word = fc.oneof(
    fc.constantFrom(
      'deploy',
      'plan',
      'status',
      'lock',
      'unlock',
      'verify',
      'diagnose',
      'cronjob',
      'retry',
      '--dry-run',
      'staging',
      '#4',
      ';',
      '&&',
    ),
    fc.constantFrom('v1.2.0', '1.2.3-a.b', 'v1.2.0;', 'v1.2.0\u0000', 'v1.2.0\u200b', '-v1.2.0', 'v1.2.0\n'),
    fc.string({ unit: 'binary', maxLength: 12 }),
  )
  const line = fc.oneof(
    fc.array(word, { maxLength: 6 }).map((words) => words.join(' ')),
    fc.array(word, { maxLength: 4 }).map((words) => ['deploy', ...words].join(' ')),
    fc.string({ unit: 'binary' }),
  )

  it('there is an answer, and only what is safe in a shell and in a URL becomes a version', () => {
    fc.assert(
      fc.property(line, (text) => {
        const parsed = parse(text)
        expect(parsed.ok || parsed.usage.startsWith('/billing ')).toBe(true)
        if (!parsed.ok) return
        const { version, environment, run, reason } = parsed.asked
        if (version !== undefined) expect(version).toMatch(/^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z][0-9A-Za-z.-]*)?$/)
        expect([undefined, ...environments]).toContain(environment)
        if (run !== undefined) expect(run).toSatisfy(Number.isSafeInteger)
        expect(String(reason ?? '').length).toBeLessThanOrEqual(300)
      }),
      runs(3_000),
    )
  })
})
