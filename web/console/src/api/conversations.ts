// The conversation operations and their shapes.

import { get, post } from './client'
import type { components } from './schema'

type S = components['schemas']

export type ConversationPerson = S['SideModel']
/** One summand of a score. */
export type ScorePart = S['PartModel']
/** A message that changed something. */
export type Mark = S['MarkModel']
export type Side = Mark['from']
export type Tier = Mark['tier']
export type Asked = S['ShownModel']
export type AutomaticStep = S['ProtectiveStepModel']
export type Conversation = S['ConversationModel']
/** Where in a message an indicator was found: bytes of its UTF-8 text. */
export type Span = S['SpanModel']
export type KeptMessage = S['MessageModel']
export type RingMember = S['RingMemberModel']
export type Ring = S['RingModel']

export interface KeptMessages {
  messages: KeptMessage[]
}

export interface Network {
  rings: Ring[]
  built_at: string
  accounts: number
  ties: number
  note: string
}

const id = encodeURIComponent

export const conversations = {
  of: (c: string) => get<{ conversations: Conversation[] }>(`/v1/cases/${id(c)}/conversations`),
  /** Opens the kept messages. Who, when and why go on record first. */
  messages: (c: string, cnv: string, reason: string) => post<KeptMessages>(`/v1/cases/${id(c)}/conversations/${id(cnv)}/messages`, { reason }),
  network: (c: string) => get<Network>(`/v1/cases/${id(c)}/network`),
}
