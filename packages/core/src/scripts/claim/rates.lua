-- Rates: `rate:<scope>` has the times of the latest starts, at most as many as may start within a period.

local rated = {} -- opens: when the first of the lanes may go on that are too fast now

-- When the next run of a scope may start, in a lane or of a key; nil: now.
function rated.opens_at(scope, rate, lane)
  local name = 'rate:' .. scope
  local places = lending.places(name, rate.max, rate.per)
  local oldest = places > 0 and tonumber(redis.call('LINDEX', arg.prefix .. name, places - 1) or nil) or nil
  local opens = oldest and oldest + rate.per
  if places > 0 and not (opens and opens > now) then return nil end
  -- Other partitions may have some sooner.
  local again = lending.want(name, rate, math.min(math.max(rate.per / rate.max, lending.TURN), 1000), lane)
  return math.min(opens or math.huge, again or opens or now + lending.TURN)
end

function rated.count(scope, rate)
  local name = arg.prefix .. 'rate:' .. scope
  redis.call('LPUSH', name, int(now))
  redis.call('LTRIM', name, 0, rate.max - 1)
  -- Longer than it counts: Redis drops it by a clock of its own, which may be ahead of that of scripts by a millisecond.
  redis.call('PEXPIRE', name, int(rate.per + 1000))
  lending.use('rate:' .. scope)
end

function rated.scopes_of(lane)
  if not next(rates) then return nil end
  local queue, task = string.match(lane, '^(.-)@(.+)$')
  local scopes = {}
  for _, scope in ipairs({ 'queue:' .. queue, 'task:' .. task }) do
    if rates[scope] then scopes[#scopes + 1] = scope end
  end
  return #scopes > 0 and scopes or nil
end

-- Whether a lane's rate lets none start now; remembers when it will.
function rated.is_too_fast(lane)
  for _, scope in ipairs(lane.rates or {}) do
    local opens = rated.opens_at(scope, rates[scope], lane.name)
    if opens then
      if not rated.opens or opens < rated.opens then rated.opens = opens end
      return true
    end
  end
  return false
end

-- The rate of a run's own key, or nil.
function rated.of_key(record)
  local name, rate = extra(record, 'ck'), extra(record, 'kr')
  if not name or not rate then return nil end
  local max, per = string.match(rate, '^(%d+):(%d+)$')
  if not max or tonumber(max) < 1 or tonumber(per) < 1 then return nil end
  return 'key:' .. name, { max = tonumber(max), per = tonumber(per) }
end

-- A run that had not started after all.
function rated.uncount(record, started)
  local scopes = rated.scopes_of(record.lane) or {}
  scopes[#scopes + 1] = rated.of_key(record)
  for _, scope in ipairs(scopes) do redis.call('LREM', arg.prefix .. 'rate:' .. scope, 1, started) end
end
