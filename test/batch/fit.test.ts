import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../batch/config.ts';
import { configuredModels } from '../../batch/fit.ts';
import { parseConfig } from '../../batch/load-config.ts';
import facebook from '../../examples/facebook-friends.config.ts';
import retail from '../../perigee.config.ts';

const names = (config: ConfigInput): string[] =>
  configuredModels(parseConfig(config, 'test')).map(({ recommender }) => recommender.name);
const always = ['popularity', 'item-knn', 'ease'];
const ofFriends = ['common-neighbours', 'adamic-adar'];

describe('the models of a run', () => {
  it('are those of the config and the baselines that suit its split', () => {
    expect(names({ ...retail, models: {} })).toEqual(always);
    expect(names({ ...facebook, models: {} })).toEqual([...always, ...ofFriends]);
    expect(names(facebook)).toEqual([...always, ...ofFriends, 'friends']);
  });

  it('are any that the config names', () => {
    expect(names({ ...retail, models: { 'adamic-adar': {} } })).toEqual([...always, 'adamic-adar']);
  });
});
