// Short names for the shapes of Rowan's HTTP API. They come from schema.ts,
// which `npm run types` writes from the server's own openapi.json; nothing is
// declared twice.

import type { components } from './schema'

type S = components['schemas']

export interface Page<T> {
  items: T[]
  next_cursor?: string
}

export type Session = S['SessionModel']
export type Overview = S['Overview']
export type Who = S['PersonModel']

export type CaseSummary = S['CaseSummary']
export type CaseDetail = S['CaseDetail']
export type CaseState = CaseSummary['state']
export type Priority = CaseSummary['priority']
export type Item = S['ItemModel']
export type Evidence = S['EvidenceModel']
export type ScanState = Item['scan']
export type Finding = S['FindingModel']
export type ListKind = Finding['kind']
export type View = S['ViewModel']
export type Account = S['KnownAccount']

export type Hold = S['HoldModel']
export type HoldKind = Hold['kind']
export type NewHold = Fields<S['HoldInputBody']>
export type Pause = S['PauseModel']
export type Relevant = S['RelevantModel']

export type RequestSummary = S['RequestSummary']
export type RequestDetail = S['RequestDetail']
export type NewRequest = Fields<S['NewRequestModel']>
export type RequestEnd = Fields<S['EndInputBody']>
export type Subject = S['SubjectModel']
export type Ground = S['GroundModel']
export type Disclosure = S['DisclosureModel']
export type Outcome = S['OutcomeModel']
export type NewOutcome = Fields<S['OutcomeInputBody']>
export type Decision = S['DecisionModel']
export type DecisionInput = Fields<S['DecisionInput']>
export type NcmecClass = NonNullable<DecisionInput['ncmec_class']>
export type UkClass = NonNullable<DecisionInput['uk_class']>
export type IncidentType = S['IncidentTypeModel']

export type ReportSummary = S['ReportSummary']
export type ReportDetail = S['ReportDetail']
export type ReportState = ReportSummary['state']
export type ReportFile = S['ReportFileModel']
export type Environment = ReportSummary['environment']
export type DraftInput = Fields<S['EditModel']>
export type Draft = S['DraftModel']
export type Place = S['Place']
export type Involved = S['InvolvedModel']
export type Rule = S['RuleModel']
export type Duty = S['DutyModel']
export type Agency = Fields<S['Agency']>

export type TakedownSummary = S['TakedownSummary']
export type TakedownDetail = S['TakedownDetail']
export type TakedownState = TakedownSummary['state']
export type TakedownCounts = S['TakedownCounts']
export type TakedownDecision = Fields<S['TakedownDecisionInBody']>

export type List = S['ListModel']
export type NewList = Fields<S['NewListModel']>
export type NewListKind = NewList['kind']
export type Signal = S['SignalModel']
export type ImportResult = S['ImportResultModel']

export type LedgerEntry = S['EntryModel']
export type LedgerProof = S['ProofModel']
export type Webhook = S['WebhookModel']
export type Delivery = S['DeliveryModel']

export type User = S['UserModel']
export type Role = User['role']
export type Key = S['KeyModel']
export type KeyRole = Key['role']

// A request carries the fields, not the link to its own schema.
type Fields<T> = Omit<T, '$schema'>

export type Exchange = S['ListExchangeModel']

export type Register = S['Register']
export type Measure = S['Entry']
export type MeasureRecord = S['MeasureRecord']
export type MeasureHistory = S['Record']
export type ServiceProfile = S['ServiceProfile']
export type Profile = S['Profile']
export type Statement = S['StatementModel']
