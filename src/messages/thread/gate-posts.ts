import { countApprovals } from '../../model/lifecycle.ts'
import { isDeployPlan, type Run } from '../../model/run.ts'
import type { ThreadPost } from '../../model/post.ts'
import { approvalButtons } from '../board/actions.ts'
import { soFar } from '../board/so-far.ts'
import { change } from '../board/status-words.ts'
import { actions, capped, mention, mentions, message, type Message, paragraph, words } from '../blocks/message.ts'
import { localTime } from '../blocks/marks.ts'
import { overrideLine } from '../answers/freeze.ts'
import { planSections } from '../plan/plan-sections.ts'
import { risksOf } from '../plan/plan-summary.ts'
import { counted } from '../../text.ts'

/* What the thread says before anything is changed: the plan, who is asked, what people decided. */

type Post<Kind extends ThreadPost['kind']> = Extract<ThreadPost, { kind: Kind }>

/** Eight chapters of 1,150 characters and their headings stay within the budget of a message. */
const planRoom = { chars: 1150, rest: 'under Details on the board' }

export function planPost(run: Run): Message {
  const head = `Plan of run #${run.number}: ${words(change(run), 250)}`
  const override = overrideLine(run)
  return message([`${head}${risksIn(run)}.`, ...override].join('\n'), [
    paragraph([`*${head}*`, ...override].join('\n')),
    ...planSections(run, planRoom),
  ])
}

function risksIn(run: Run): string {
  return isDeployPlan(run.plan) ? `, ${counted(run.plan.risks.length, 'risk')}` : ''
}

/** Asks where it notifies, with the plan below the buttons: one message tells all that there is to decide on. */
export function approvalRequest({ approvers, withPlan }: Post<'approval_request'>, run: Run): Message {
  const who = approvers.length === 0 ? 'An approver' : mentions(approvers, 'or')
  const until = run.expiresAt === undefined ? '' : ` by ${localTime(run.expiresAt)}`
  const missing = Math.max(1, run.approvalsNeeded - countApprovals(run))
  const count = missing === 1 ? '' : ` ${missing} approvals are needed.`
  const text = `${who}: please review *${words(change(run), 250)}* (run #${run.number})${until}.${count}${riskCount(run)}`
  const risks = isDeployPlan(run.plan) ? run.plan.risks.map((risk) => words(risk, 250)) : []
  const spoken = capped(risks, { lines: 5, chars: 1200, rest: 'in the plan' })
  const override = overrideLine(run)
  return message([text, ...override, ...spoken].join('\n'), [
    paragraph([text, ...override].join('\n')),
    ...actions(approvalButtons(run)),
    ...(withPlan === true ? planSections(run, { ...planRoom, chars: 1050 }) : []),
  ])
}

function riskCount(run: Run): string {
  if (!isDeployPlan(run.plan)) return ''
  return ` ${words(risksOf(run.plan), 120)}.`
}

export function reminder({ approvers }: Post<'reminder'>, run: Run): Message {
  const who = approvers.length === 0 ? 'An approver' : mentions(approvers, 'or')
  const until = run.expiresAt === undefined ? '' : ` It expires at ${localTime(run.expiresAt)}.`
  const text = `${who}: *${words(change(run), 250)}* (run #${run.number}) is still waiting for approval.${until}`
  return message(text, [paragraph(text), ...actions(approvalButtons(run))])
}

export function decision(post: Post<'decision'>, run: Run): Message {
  const apart = post.decision !== 'rejected' && post.reason !== undefined && post.reason !== ''
  const reason = apart ? `\n>${words(post.reason, 600)}` : ''
  const text = `${decided(post, run)}${reason}`
  return message(text, [paragraph(text)])
}

function decided(post: Post<'decision'>, run: Run): string {
  const who = mention(post.user)
  const number = `run #${run.number}`
  switch (post.decision) {
    case 'approved': {
      const { given, needed, lapsed } = post.approvals ?? {
        given: countApprovals(run),
        needed: run.approvalsNeeded,
        lapsed: [],
      }
      const open = given < needed ? `${counted(needed - given, 'more approval')} needed.` : 'Starting.'
      const gone = lapsed.map((user) => ` The approval of ${mention(user)} no longer counts: they can't approve now.`)
      return `${who} *approved* ${number} (${given} of ${needed}). ${open}${gone.join('')}`
    }
    case 'rejected':
      return post.reason === undefined || post.reason === ''
        ? `${who} *rejected* ${number}. ${soFar(run)}`
        : `*Rejected* by ${who}: “${words(post.reason, 600)}” ${soFar(run)}`
    case 'cancelled':
      return `${who} *cancelled* ${number}. ${soFar(run)}`
    case 'retried':
      return `${who} *retried* ${number} from the failed phase.`
    case 'left':
      return `${who} *left* ${number} as is.`
    case 'finish':
      return `${who} *ended monitoring* of ${number} early. It is judged on the data so far.`
    case 'keep':
      return `${who} *keeps monitoring* ${number}. The rules decide at the end of monitoring.`
    case 'stop':
      return `${who} *stopped monitoring* ${number}. The run fails. Nothing is rolled back.`
    case 'roll_back':
      return `${who} *rolls back* ${number}. Monitoring ends, and the rollback starts as its own run.`
  }
}
