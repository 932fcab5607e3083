-- Rates: `rate:<scope>` has the times of the latest starts, at most as many as may start within a period.
local rate_until

-- When the next run of a scope may start; nil: now.
local function rate_opens(scope, rate)
  local oldest = tonumber(redis.call('LINDEX', arg.prefix .. 'rate:' .. scope, rate.max - 1) or nil)
  if oldest and oldest > now - rate.per then return oldest + rate.per end
  return nil
end

local function count_start(scope, rate)
  local name = arg.prefix .. 'rate:' .. scope
  redis.call('LPUSH', name, int(now))
  redis.call('LTRIM', name, 0, rate.max - 1)
  redis.call('PEXPIRE', name, int(rate.per))
end

local function rates_of(lane)
  if not next(rates) then return nil end
  local queue, task = string.match(lane, '^(.-)@(.+)$')
  local scopes = {}
  for _, scope in ipairs({ 'queue:' .. queue, 'task:' .. task }) do
    if rates[scope] then scopes[#scopes + 1] = scope end
  end
  return #scopes > 0 and scopes or nil
end

-- Whether a lane's rate lets none start now; remembers when it will.
local function is_too_fast(lane)
  for _, scope in ipairs(lane.rates or {}) do
    local opens = rate_opens(scope, rates[scope])
    if opens then
      if not rate_until or opens < rate_until then rate_until = opens end
      return true
    end
  end
  return false
end

-- The rate of a run's own key, or nil.
local function key_rate(record)
  local name, rate = extra(record, 'ck'), extra(record, 'kr')
  if not name or not rate then return nil end
  local max, per = string.match(rate, '^(%d+):(%d+)$')
  if not max or tonumber(max) < 1 or tonumber(per) < 1 then return nil end
  return 'key:' .. name, { max = tonumber(max), per = tonumber(per) }
end
