import { languageScenarios } from '../scenarios/languages.ts'

languageScenarios(['go', 'rust', 'java'])
