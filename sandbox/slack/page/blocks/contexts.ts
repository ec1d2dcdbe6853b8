import { createContext, useContext } from 'react'
import type { PageChannel } from '../../page-state.ts'
import type { User, UserGroup } from '../../model.ts'
import type { Theme } from '../stored.ts'
import type { Element } from './parts.ts'

/** What blocks show of the workspace beside their own text: names, choices of people and channels, the theme. */
export interface WorkspaceData {
  readonly users: readonly User[]
  readonly channels: readonly PageChannel[]
  readonly userGroups: readonly UserGroup[]
  readonly theme: Theme
  /** The name of a person, channel or group by id. */
  names(id: string): string | undefined
}

export const WorkspaceContext = createContext<WorkspaceData>({
  users: [],
  channels: [],
  userGroups: [],
  theme: 'light',
  names: () => undefined,
})
export const useWorkspace = (): WorkspaceData => useContext(WorkspaceContext)

/** Presses a button or tells of a choice; resolves once the app acknowledged. */
export type Act = (element: Element, value?: string) => Promise<void>
export const ActContext = createContext<Act>(async () => undefined)
export const useAct = (): Act => useContext(ActContext)

/** How often the app has changed the message in which a block stands. */
export const EditsContext = createContext(0)
export const useEdits = (): number => useContext(EditsContext)

/** What was typed and chosen, by `block_id/action_id`, and what is wrong with it, by `block_id`. */
export interface Form {
  readonly values: Readonly<Record<string, string>>
  readonly errors: Readonly<Record<string, string>>
  set(key: string, value: string): void
}

export const FormContext = createContext<Form | undefined>(undefined)
export const useForm = (): Form | undefined => useContext(FormContext)
